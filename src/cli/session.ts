import type { Client, Connection } from '@temporalio/client'
import type { CountersignClient } from '../client/client.ts'
import type { CommonOptions, QueueOption } from './options.ts'
import type { SpeakerOptions } from './speaking.ts'
import type { TemporalPlace } from './where.ts'

/** An open connection to the Temporal that a command talks to. */
export interface Session {
  readonly place: TemporalPlace
  readonly connection: Connection
  /** Closes it, and whatever else was opened for the session. */
  readonly close: () => Promise<void>
  readonly temporal: Client
  readonly client: CountersignClient
  readonly taskQueue: string
  /** What has to follow a command that is shown to a person, so that it reaches the same servers. */
  readonly flags: string
  /** What follows a command that says something: a name where no gateway says who it is. */
  readonly speaker: string
}

/** Finds Temporal, does the work of a command, and closes the connection. */
export async function withSession(
  options: CommonOptions & Partial<QueueOption> & Partial<SpeakerOptions>,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  // Here and not above: a usage error has no need of the client, which takes half a second to load.
  const [{ findTemporal }, { openSession }] = await Promise.all([import('./where.ts'), import('./open-session.ts')])
  const session = await openSession(await findTemporal(options.stateDir), options)
  try {
    await work(session)
  } finally {
    await session.close()
  }
}

/**
 * The details of a run in the Temporal UI, which opens another tab where no execution is named; `null` where no UI is known.
 */
export function linkOf({ place }: Pick<Session, 'place'>, workflowId: string, runId: string): string | null {
  if (place.uiUrl === null) return null
  return `${place.uiUrl}/namespaces/${place.namespace}/workflows/${encodeURIComponent(workflowId)}/${runId}/user-metadata`
}
