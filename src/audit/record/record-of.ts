import { canonicalJson } from '../../contract/digest.ts'
import { plain } from '../../contract/json.ts'
import { fieldsOf, textIn } from '../fields.ts'
import { type Told, toldBy } from '../told.ts'
import { activitiesIn } from './activities.ts'
import { decisionsIn } from './decisions.ts'
import { effectsIn } from './effects.ts'
import { endsIn } from './ends.ts'
import { type Execution, executionOf, type Found, isoOf, type Known, timeOf } from './execution.ts'
import { historyDigest } from './history-bytes.ts'
import { hostsIn, issuersIn } from './keys.ts'
import { messagesIn } from './messages.ts'
import { openingIn } from './opening.ts'
import { gatewayDifferences, ledgerDifferences, missingExecutions } from './others.ts'
import { questionsIn } from './questions.ts'
import { readingsIn } from './readings.ts'
import { standingIn } from './standing.ts'
import { readIn } from './payloads.ts'
import { type AuditRecord, ENTRY_KINDS, type Entry, type RecordedExecution, type RecordInput } from './types.ts'

/** One history with what it says. */
interface Opened {
  readonly execution: Execution
  readonly recorded: RecordedExecution
}

/**
 * Derives the record of a run from the histories of its executions: from nothing else, unless ledger or gateway log are given, and
 * the same for the same input. Throws `TypeError` where there is no history, one that does not begin with its start, or several
 * runs.
 */
export async function recordOf({ namespace, histories, keys, ledger, gatewayLog }: RecordInput): Promise<AuditRecord> {
  const opened = histories.map(({ stored, opened: full = stored, digest = historyDigest(stored) }): Opened => {
    const told = toldBy(full)
    return { execution: executionOf(told, full), recorded: recordedOf(told, stored, digest) }
  })
  const inOrder = onceEach(opened).toSorted((a, b) => compare(a.execution.told, b.execution.told))
  const executions = inOrder.map(({ execution }) => execution)
  const newest = executions.at(-1)?.told
  if (newest === undefined) throw new TypeError('there is no history to derive a record from')
  const { runKey, workflowId, workflowType } = newest
  const other = executions.find(({ told }) => told.runKey !== runKey)
  if (other !== undefined) throw new TypeError(`the histories are of \`${runKey}\` and of \`${other.told.runKey}\``)
  const known = { runKey, workspace: workspaceOf(executions), hosts: hostsIn(keys), issuers: issuersIn(keys) }
  const told: Found[] = []
  for (const execution of executions) told.push(...withoutCopies(execution, await entriesOf(execution, known), told))
  const done = executions.map((execution) => ({ execution, activities: activitiesIn(execution) }))
  told.push(...standingIn(done), ...missingExecutions(executions))
  if (ledger !== undefined) told.push(...(await ledgerDifferences(executions, ledger, known)))
  if (gatewayLog !== undefined) told.push(...gatewayDifferences(told, gatewayLog, known))
  return {
    v: 1,
    kind: 'countersign.record',
    runKey,
    workflowId,
    playbook: workflowType === '' ? null : workflowType,
    namespace,
    executions: inOrder.map(({ recorded }) => recorded),
    state: stateOf(newest),
    entries: numbered(told, executions),
  }
}

const compare = (a: Told, b: Told): number => a.beganAtMs - b.beganAtMs || (a.runId < b.runId ? -1 : 1)

/** Each execution once: of two histories of one, the longer tells more. */
function onceEach(opened: readonly Opened[]): readonly Opened[] {
  const longest = new Map<string, Opened>()
  for (const one of opened) {
    const before = longest.get(one.execution.told.runId)
    if (before === undefined || before.recorded.events < one.recorded.events) longest.set(one.execution.told.runId, one)
  }
  return [...longest.values()]
}

function recordedOf(
  told: Told,
  stored: Parameters<typeof historyDigest>[0],
  digest: RecordedExecution['digest'],
): RecordedExecution {
  const events = stored.events ?? []
  return {
    runId: told.runId,
    events: events.length,
    digest,
    began: isoOf(told.beganAtMs),
    closed: told.closedBy === null ? null : timeOf(events.at(-1) ?? {}),
    closedBy: told.closedBy,
  }
}

/** The workspace of the run: as it was opened, else as its start says. */
function workspaceOf(executions: readonly Execution[]): string | null {
  for (const { told, events } of executions) {
    const opened = textIn(fieldsOf(told.opened['principal'])['workspace'])
    if (opened !== '') return opened
    const [payload] = events[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? []
    const start = fieldsOf(payload === undefined ? null : readIn({ payloads: [payload] }).json)
    const stated = textIn(fieldsOf(fieldsOf(start['statement'])['about'])['workspace'])
    if (stated !== '') return stated
  }
  return null
}

async function entriesOf(execution: Execution, known: Known): Promise<readonly Found[]> {
  const activities = activitiesIn(execution)
  return [
    ...(await openingIn(execution, known)),
    ...(await readingsIn(execution, activities, known)),
    ...(await decisionsIn(execution, activities, known)),
    ...(await messagesIn(execution, activities, known)),
    ...questionsIn(execution),
    ...(await effectsIn(execution, activities, known)),
    ...endsIn(execution),
  ]
}

/** What a reset copied from the execution before is told once, as long as it is the same to the letter. */
function withoutCopies(execution: Execution, found: readonly Found[], before: readonly Found[]): readonly Found[] {
  if (execution.copied === 0) return found
  const told = new Set(before.map(contentOf))
  return found.filter(
    (one) => one.events.some(({ eventId }) => eventId > execution.copied) || !told.has(contentOf(one)),
  )
}

const contentOf = ({ events, ...rest }: Found): string =>
  canonicalJson(plain({ ...rest, events: events.map(({ eventId }) => eventId) }))

/** `running` as long as it is open; how Temporal closed it where it did not end by itself. */
function stateOf({ closing, closedBy, result }: Told): string {
  if (closing === null) return 'running'
  if (closing === 'went on') return 'continued'
  if (closing === 'ended by itself') {
    return textIn(result['state']) || (closedBy === 'WorkflowExecutionFailed' ? 'failed' : 'completed')
  }
  return OUTSIDE[closedBy ?? ''] ?? 'terminated'
}

const OUTSIDE: Readonly<Record<string, string>> = {
  WorkflowExecutionTerminated: 'terminated',
  WorkflowExecutionTimedOut: 'timed_out',
  WorkflowExecutionCanceled: 'cancelled',
}

/** By execution, then by event, then by kind; what no event tells comes last, by its time. */
function numbered(found: readonly Found[], executions: readonly Execution[]): readonly Entry[] {
  const order = new Map(executions.map(({ told }, index) => [told.runId, index]))
  const placeOf = ({ events, kind }: Found): readonly number[] => {
    const [first] = events
    const execution = first === undefined ? executions.length : (order.get(first.runId) ?? executions.length)
    return [execution, first?.eventId ?? 0, ENTRY_KINDS.indexOf(kind)]
  }
  return found
    .map((one, index) => ({ one, place: [...placeOf(one), index] }))
    .toSorted((a, b) => firstDifference(a.place, b.place))
    .map(({ one }, seq) => plain({ seq, ...one, text: one.text.replace(/([.!?…])\.$/u, '$1') }))
}

const firstDifference = (a: readonly number[], b: readonly number[]): number =>
  a.map((value, at) => value - (b[at] ?? 0)).find((difference) => difference !== 0) ?? 0
