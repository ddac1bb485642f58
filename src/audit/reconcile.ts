import type { RunKey } from '../contract/evidence.ts'
import type { AuditedEffect, AuditedRun } from '../ledger/audited.ts'
import { effectFindings } from './compare-effect.ts'
import { runFindings } from './compare-run.ts'
import type { Finding } from './findings.ts'
import { receiptFlaw, type Verifiers } from './receipt-flaw.ts'
import { listedEffects, type Said, saidOf } from './said.ts'
import { fieldsOf, textIn } from './fields.ts'
import type { Told, ToldStep } from './told.ts'

/** An effect as both sides have it. */
export interface ReconciledEffect {
  readonly step: string
  readonly tool: string
  /** `claimed`: the history says `done`, and no host signed that. `erased`: nobody can read it any more. */
  readonly history: Said | 'claimed' | 'erased'
  /** The state in the ledger; `null`: no row. */
  readonly ledger: AuditedEffect['state'] | null
}

/** A run with all that was found; no finding: history and ledger agree. */
export interface Reconciled {
  readonly runKey: RunKey
  /** The workflow type; `null`: neither side tells. */
  readonly playbook: string | null
  /** Of how many executions the histories were read. */
  readonly executions: number
  /** Whether its keys were destroyed: its contents cannot be compared. */
  readonly isErased: boolean
  /** The state that it ended in, else how Temporal closed it, else `open`; `null` without a history. */
  readonly ended: string | null
  readonly effects: readonly ReconciledEffect[]
  readonly findings: readonly Finding[]
}

/**
 * Joins what the histories of a run say of its effects with what the ledger says. The executions of one run key, over
 * resets and continuations, are one run: the end of the newest counts, and each of them can tell of an effect.
 */
export async function reconcile(
  runKey: RunKey,
  histories: readonly Told[],
  ledger: AuditedRun,
  verifierOf: Verifiers,
): Promise<Reconciled> {
  const told = histories.filter((one) => one.runKey === runKey).toSorted((a, b) => a.beganAtMs - b.beganAtMs)
  const newest = told.at(-1)
  if (newest?.isErased === true || ledger.run?.erasedAt !== undefined) return erased(runKey, told, ledger)
  const effects: ReconciledEffect[] = []
  const findings: Finding[] = [...runFindings(told, ledger)]
  for (const { step, tool, steps, row } of joined(told, ledger.effects)) {
    const flaws = await flawsOf(runKey, steps, verifierOf)
    const attested = steps.filter((one) => !flaws.has(one))
    const last = steps.findLast(({ kind, answer }) => kind !== 'undo' && answer !== undefined)
    const word = saidOf(step, told)
    const said = word === 'done' && last !== undefined && flaws.has(last) ? 'claimed' : word
    effects.push({ step, tool, history: said, ledger: row?.state ?? null })
    findings.push(...flaws.values())
    if (newest !== undefined) findings.push(...effectFindings({ step, steps, attested, row, said, newest }))
  }
  const readings = told.flatMap(({ steps }) => steps).filter(({ kind }) => kind === 'reading')
  findings.push(...(await flawsOf(runKey, readings, verifierOf)).values())
  return {
    runKey,
    playbook: ledger.run?.workflowType ?? newest?.workflowType ?? null,
    executions: told.length,
    isErased: false,
    ended: newest === undefined ? null : textIn(newest.result['state']) || (newest.closedBy ?? 'open'),
    effects,
    findings: onceEach(findings),
  }
}

/** What is left of a run that was erased: what the ledger says was done, which steps were asked for, and how Temporal closed it. */
function erased(runKey: RunKey, told: readonly Told[], { run, effects }: AuditedRun): Reconciled {
  const newest = told.at(-1)
  const asked = new Set(told.flatMap(({ steps }) => steps.map(({ step }) => step)))
  const untold = effects.filter(({ state, step }) => ['done', 'undone'].includes(state) && !asked.has(step))
  const message = 'the ledger has it as done, and no event of the history asks for it'
  const findings = newest === undefined ? [] : untold.map(({ step }) => untoldFinding(step, message))
  return {
    runKey,
    playbook: run?.workflowType ?? newest?.workflowType ?? null,
    executions: told.length,
    isErased: true,
    ended: newest?.closedBy ?? (newest === undefined ? null : 'open'),
    effects: effects.map(({ step, tool, state }) => ({ step, tool, history: 'erased', ledger: state })),
    findings,
  }
}

const untoldFinding = (step: string, message: string): Finding => ({
  code: 'effect_untold',
  step,
  message,
  eventId: null,
})

/** The effects that either side has, in the order in which they came up. */
function joined(told: readonly Told[], rows: readonly AuditedEffect[]) {
  const steps = told.flatMap((one) => one.steps).filter(({ kind }) => kind !== 'reading')
  const named = [...steps, ...told.flatMap(listedEffects), ...rows]
  const tools = new Map(named.toReversed().map(({ step, tool }) => [step, tool]))
  const names = [...new Set(named.map(({ step }) => step))]
  return names.map((step) => ({
    step,
    tool: tools.get(step) ?? '',
    steps: steps.filter((one) => one.step === step),
    row: rows.find((one) => one.step === step),
  }))
}

/** The steps whose result no host signed, with what is to be said of each. */
async function flawsOf(
  runKey: RunKey,
  steps: readonly ToldStep[],
  verifierOf: Verifiers,
): Promise<ReadonlyMap<ToldStep, Finding>> {
  const flaws = new Map<ToldStep, Finding>()
  for (const told of steps) {
    const { kind, step, tool, inputDigest, answer, eventId, by } = told
    const result = kind === 'ledger' ? (fieldsOf(answer)['result'] ?? undefined) : answer
    if (kind === 'undo' || result === undefined) continue
    const flaw = await receiptFlaw(result, { runKey, step, tool, inputDigest }, verifierOf)
    if (flaw === undefined) continue
    const code = kind === 'reading' ? 'reading_claimed' : 'effect_claimed'
    const message = `${by || 'somebody'} says so in event ${eventId}, and no host signed it: ${flaw}`
    flaws.set(told, { code, step, message, eventId })
  }
  return flaws
}

/** Executions share the beginning of their histories, so one thing is found in each of them. */
function onceEach(findings: readonly Finding[]): readonly Finding[] {
  const first = new Map<string, Finding>()
  for (const finding of findings.toReversed()) first.set(`${finding.code} ${finding.step ?? ''}`, finding)
  return findings.filter((finding) => first.get(`${finding.code} ${finding.step ?? ''}`) === finding)
}
