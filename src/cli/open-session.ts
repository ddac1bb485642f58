import { Client } from '@temporalio/client'
import { CountersignClient } from '../client/client.ts'
import { speakerFlag } from '../contract/principal.ts'
import { DEFAULT_TASK_QUEUE } from '../contract/wire.ts'
import { connectClient } from './connect.ts'
import { type CommonOptions, DEFAULT_STATE_DIR, type QueueOption } from './options.ts'
import type { Session } from './session.ts'
import { type SpeakerOptions, statementsOf } from './speaking.ts'
import { shellWord } from '../contract/text.ts'
import type { TemporalPlace } from './where.ts'

/** A person waits for it. */
const ANSWER_WITHIN_MS = 30_000

/** Opens a session on a Temporal that is known. */
export async function openSession(
  place: TemporalPlace,
  options: CommonOptions & Partial<QueueOption> & Partial<SpeakerOptions>,
): Promise<Session> {
  const connection = await connectClient(place)
  const temporal = new Client({ connection, namespace: place.namespace })
  const { taskQueue = DEFAULT_TASK_QUEUE } = options
  return {
    place,
    connection,
    temporal,
    client: new CountersignClient(temporal, {
      taskQueue,
      answerWithinMs: ANSWER_WITHIN_MS,
      statements: statementsOf(options),
    }),
    taskQueue,
    speaker: speakerFlag({
      development: options.gateway === undefined && process.env['COUNTERSIGN_GATEWAY_URL'] === undefined,
    }),
    flags: options.stateDir === DEFAULT_STATE_DIR ? '' : ` --state-dir ${shellWord(options.stateDir)}`,
  }
}
