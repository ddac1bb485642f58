import { workflowIdOf } from '../../contract/evidence.ts'
import type { AuditedRun } from '../../ledger/audited.ts'
import type { About } from '../../contract/statement.ts'
import type { JsonObject } from '../../contract/json.ts'
import { fieldsOf, textIn } from '../fields.ts'
import { type Finding, FINDINGS } from '../findings.ts'
import { reconcile } from '../reconcile.ts'
import { type Event, type Execution, type Found, type Known, line, refs, timeOf } from './execution.ts'
import { readIn } from './payloads.ts'
import type { LoggedAttempt } from './types.ts'

/** What the ledger says otherwise than the histories. */
export async function ledgerDifferences(
  executions: readonly Execution[],
  ledger: AuditedRun,
  { runKey, hosts }: Known,
): Promise<readonly Found[]> {
  const told = executions.map((one) => one.told)
  const sealed = executions.find(({ events }) => events.some(isSealed))
  if (sealed !== undefined) return [notCompared(executions)]
  const { findings } = await reconcile(runKey, told, ledger, hosts)
  return findings.map((finding) => differenceOf(finding, executions))
}

/** Whether an event holds what cannot be read here, and somebody else could read. */
const isSealed = (event: Event): boolean =>
  [
    event.activityTaskScheduledEventAttributes?.input,
    event.activityTaskCompletedEventAttributes?.result,
    event.markerRecordedEventAttributes?.details?.['result'],
  ].some((payloads) => readIn(payloads).veil === 'sealed')

/** What cannot be read would differ everywhere. */
const notCompared = (executions: readonly Execution[]): Found => ({
  kind: 'difference',
  at: latestIn(executions),
  step: null,
  events: [],
  proof: 'sealed',
  by: null,
  says: { with: 'ledger', code: 'not_compared' },
  text: 'The ledger was not compared with the histories, since not all of them can be read here.',
})

function differenceOf({ code, step, message, eventId }: Finding, executions: readonly Execution[]): Found {
  const place = eventId === null ? undefined : placeOf(executions, eventId, step)
  return {
    kind: 'difference',
    at: place?.at ?? latestIn(executions),
    step,
    events: place?.events ?? [],
    proof: 'claimed',
    by: null,
    says: { with: 'ledger', code, message: line(message, 2_000), help: FINDINGS[code] },
    text: `History and ledger differ${step === null ? '' : ` at ${line(step)}`}: ${line(message, 1_000)}.`,
  }
}

/** The newest execution in which an event is about a step. */
function placeOf(executions: readonly Execution[], eventId: number, step: string | null) {
  const execution =
    executions.findLast(({ told }) => told.steps.some((one) => one.eventId === eventId && one.step === step)) ??
    executions.findLast(({ byId }) => byId.has(eventId))
  const event = execution?.byId.get(eventId)
  return execution === undefined || event === undefined
    ? undefined
    : { at: timeOf(event), events: refs(execution, event) }
}

const latestIn = (executions: readonly Execution[]): string => timeOf(executions.at(-1)?.events.at(-1) ?? {})

/** Executions that others come from or went on as, and of which there is no history here. */
export function missingExecutions(executions: readonly Execution[]): readonly Found[] {
  const here = new Set(executions.map(({ told }) => told.runId))
  const missing = new Map<string, { readonly execution: Execution; readonly what: string }>()
  for (const execution of executions) {
    const next = execution.events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId
    for (const runId of execution.told.comesFrom) missing.set(runId, { execution, what: 'that it comes from' })
    if (next) missing.set(next, { execution, what: 'as which it goes on' })
  }
  return [...missing].flatMap(([runId, { execution, what }]): readonly Found[] => {
    if (here.has(runId)) return []
    const event = what.startsWith('as') ? execution.events.at(-1) : execution.events[0]
    return [
      {
        kind: 'difference',
        at: timeOf(event ?? {}),
        step: null,
        events: refs(execution, event),
        proof: 'server',
        by: null,
        says: { with: 'history', code: 'execution_missing', runId: line(runId) },
        text: `The history of the execution ${line(runId)}, ${what}, is not here: what happened in it is not in this record.`,
      },
    ]
  })
}

/** A statement that a history holds. */
interface Held {
  readonly nonce: string
  readonly by: string | null
  readonly isDevelopment: boolean
  readonly entry: Found
}

/**
 * What the gateway says otherwise: statements that it never signed, statements about this run that never came to it, and what it
 * refused to sign.
 */
export function gatewayDifferences(
  found: readonly Found[],
  log: readonly LoggedAttempt[],
  { runKey }: Pick<Known, 'runKey'>,
): readonly Found[] {
  const signed = new Map(log.flatMap((one) => (one.signed === null ? [] : [[one.signed.nonce, one] as const])))
  const heldHere = found.flatMap((entry) => heldIn(entry) ?? [])
  const nonces = new Set(heldHere.map(({ nonce }) => nonce))
  const differences: Found[] = []
  const told = new Set<string>()
  for (const { nonce, by, isDevelopment, entry } of heldHere) {
    if (isDevelopment || told.has(nonce)) continue
    told.add(nonce)
    const logged = signed.get(nonce)
    const what = logged === undefined ? 'has no line in the log of the gateway' : wrongIn(logged, by)
    if (what === undefined) continue
    const code = logged === undefined ? 'statement_not_logged' : 'statement_logged_otherwise'
    differences.push({
      ...entry,
      kind: 'difference',
      proof: 'claimed',
      says: { with: 'gateway', code, nonce },
      text: `The statement of ${line(by ?? 'nobody')} ${what}.`,
    })
  }
  for (const one of log) {
    if (!isAbout(one.about, runKey) || (one.signed !== null && nonces.has(one.signed.nonce))) continue
    differences.push(neverCame(one))
  }
  return differences
}

const wrongIn = ({ who }: LoggedAttempt, by: string | null): string | undefined =>
  who?.subject === by ? undefined : `is in the log of the gateway as one of ${line(who?.subject ?? 'nobody')}`

function heldIn(entry: Found): Held | undefined {
  const { nonce, issuer } = fieldsOf(entry.says['statement'])
  if (typeof nonce !== 'string') return undefined
  return { nonce, by: entry.by, isDevelopment: issuer === 'development', entry }
}

function isAbout(about: About | null, runKey: string): boolean {
  if (about === null) return false
  return about.kind === 'start'
    ? about.workflowId === workflowIdOf(runKey)
    : 'runKey' in about && about.runKey === runKey
}

/** What somebody asked the gateway for, and of which no history tells. */
function neverCame({ id, at, who, about, refused, signed, source }: LoggedAttempt): Found {
  const by = who?.subject ?? null
  const what = about === null ? 'something' : `a \`${about.kind}\`${'step' in about ? ` of ${line(about.step)}` : ''}`
  const says: JsonObject = {
    with: 'gateway',
    code: refused === null ? 'statement_never_used' : 'refused_by_gateway',
    log: id,
    about: about as JsonObject | null,
    source: line(source),
    refused: refused === null ? null : { code: refused.code, reason: line(refused.reason, 2_000) },
    nonce: signed?.nonce ?? null,
  }
  return {
    kind: 'difference',
    at,
    step: about !== null && 'step' in about ? textIn(about.step) : null,
    events: [],
    proof: 'claimed',
    by,
    says,
    text:
      refused === null
        ? `The gateway signed ${what} for ${line(by ?? 'nobody')}, and no history here holds it.`
        : `The gateway refused to sign ${what} for ${line(by ?? 'somebody unknown')}: ${line(refused.reason)} (${refused.code}).`,
  }
}
