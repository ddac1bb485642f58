import type { Client } from '@temporalio/client'
import { defaultPayloadConverter } from '@temporalio/common'
import type { Warrant } from '../../contract/action.ts'
import { matchText } from '../../contract/text.ts'
import { CliError } from '../errors.ts'
import { plain } from '../terminal.ts'
import { clock } from '../../contract/moment.ts'

/** The three questions about an effect, answered by one event of the history. */
export interface Answers {
  /** The event that scheduled the effect; the warrant is its input. */
  readonly eventId: number
  readonly evidence: string
  readonly rule: string
  readonly undo: string
}

/** Reads the warrant of a tool's first call from the history of a run: nothing else is asked. */
export async function answersOf(temporal: Client, workflowId: string, tool: string): Promise<Answers> {
  const history = await temporal.workflow.getHandle(workflowId).fetchHistory()
  for (const { eventId, activityTaskScheduledEventAttributes: scheduled } of history.events ?? []) {
    const payload = scheduled?.input?.payloads?.[0]
    if (scheduled?.activityType?.name !== tool || !payload) continue
    const { warrant } = defaultPayloadConverter.fromPayload<{ warrant: Warrant }>(payload)
    return { eventId: Number(eventId), ...answersIn(warrant, workflowId) }
  }
  throw new CliError('unexpected', `The history of ${workflowId} holds no call of ${tool}.`, 'Look at it in the UI.')
}

function answersIn(warrant: Warrant, workflowId: string): Omit<Answers, 'eventId'> {
  const { evidence, decision, approvals, undo } = warrant
  const cited = evidence.map(({ receipt: { kind, reference, at } }) => `${kind} ${reference}, read ${clock(at)}`)
  const rules = decision.matches.map(matchText)
  const people = approvals.map(({ by, at, comment }) => `approved by ${by} at ${clock(at)}, “${comment}”`)
  const window = undo?.windowMinutes ?? 0
  const how = window === 0 ? '' : `, within ${window} minutes of its end: countersign undo ${workflowId} --by <you>`
  return {
    evidence: plain(cited.join('; ')),
    rule: plain([...rules, ...people].join('; ')),
    undo: plain(`${undo?.does ?? 'none'}${how}`),
  }
}
