import type { EffectStatus } from '../../src/client/index.ts'
import { type Moved, movedFor } from './moved.ts'
import type { Case } from './person.ts'
import type { Stage } from './stage.ts'
import { Tally } from './tally.ts'
import { flawOfMoved, meant, type Recorded, recordedOf } from './warrants.ts'

/** How the ledger's row of an effect must stand when the run says this of it. `null`: it may say anything. */
const LEDGER: Readonly<Record<EffectStatus['state'], readonly string[] | null>> = {
  running: [],
  stuck: [],
  done: ['done'],
  undone: ['undone'],
  not_done: ['barred', 'failed'],
  settled: null,
}

/** Judges by the systems of record: what every run says of itself must be exactly what happened to the money. */
export async function judge(stage: Stage, cases: readonly Case[]): Promise<Tally> {
  const tally = new Tally()
  const started = cases.filter(({ runIds }) => runIds.length > 0)
  for (const one of cases) {
    if (!one.acknowledged) tally.refusedStarts += 1
    else if (!one.isSettled) tally.violate(one.id, `it has neither ended nor is it parked; seen last: ${one.seen}`)
  }
  const moved = Map.groupBy(await movedFor(stage, started), ({ runKey }) => runKey)
  const ledger = Map.groupBy(await ledgerOf(stage, started), ({ run_key: runKey }) => runKey)
  for (const one of started) {
    tally.runs += 1
    if (one.isUnreadable) tally.unreadable += 1
    const recorded = await recordedOf(stage, one)
    const rows = new Map((ledger.get(one.runKey) ?? []).map(({ step, state }) => [step, state]))
    judgeRun(tally, one, recorded, moved.get(one.runKey) ?? [], rows)
  }
  return tally
}

interface Row {
  run_key: string
  step: string
  state: string
}

const ledgerOf = (stage: Stage, cases: readonly Case[]): Promise<readonly Row[]> =>
  stage.servers.query<Row>('SELECT run_key, step, state FROM countersign.effects WHERE run_key = ANY($1)', [
    cases.map(({ runKey }) => runKey),
  ])

/** Steps whose money no system of the suite keeps. */
const movesMoney = (step: string): boolean => step.startsWith('bank.') || step.startsWith('billing.')

function judgeRun(
  tally: Tally,
  one: Case,
  recorded: Recorded,
  moved: readonly Moved[],
  ledger: ReadonlyMap<string, string>,
): void {
  const violate = (step: string, what: string): void => tally.violate(one.id, `${step}: ${what}`)
  for (const each of moved) {
    const flaw = one.plan.isForged ? 'the warrant was made up' : flawOfMoved(each, recorded, one.approved)
    if (flaw === undefined) continue
    tally.unexpected += 1
    violate(each.step, `${each.cents} cents moved to ${each.account}, but ${flaw}`)
  }
  if (one.result === undefined) return
  tally.ended(one.result.state)
  const effects = one.result.effects.filter(({ step }) => movesMoney(step))
  const said = new Set(effects.map(({ step }) => step))
  for (const { step } of moved) if (!said.has(step)) violate(step, 'money moved, and the run does not know of it')
  for (const { step, state } of effects) {
    tally.attempted += 1
    const mine = moved.filter((each) => each.step === step)
    const standing = mine.filter(({ stands }) => stands).length
    if (mine.length > 1) {
      tally.duplicated += 1
      violate(step, `it happened ${mine.length} times, and the run says \`${state}\``)
    }
    if (mine.some(({ undone }) => undone > 1)) violate(step, 'it was undone more than once')
    if (state === 'done' || state === 'undone') {
      tally.acknowledged += 1
      if (mine.length === 0) {
        tally.lost += 1
        violate(step, `the run says \`${state}\`, and no money ever moved`)
      }
      if (recorded.retried.has(step) || recorded.retried.has(`${step}.undo`)) tally.recovered += 1
    }
    if (standing !== (state === 'done' ? 1 : 0)) violate(step, `the run says \`${state}\`, and ${standing} of it stand`)
    if (state === 'not_done' && mine.length > 0) violate(step, 'the run says that it never happened, and it did')
    if (state === 'done' && one.result.state !== 'completed')
      violate(step, `it stands, and the run is ${one.result.state}`)
    if (state === 'settled' && !one.corrected.has(step)) violate(step, 'it was settled, and nobody put it right')
    if (state === 'settled') tally.parked += 1
    if (state === 'settled' && mine.some(({ undone }) => undone > 0) && ledger.get(step) === 'unknown') {
      violate(step, 'it was compensated although nobody knew whether it had happened')
    }
    const allowed = LEDGER[state]
    const row = ledger.get(step) ?? 'no row'
    if (allowed !== null && !allowed.includes(row)) violate(step, `the run says \`${state}\`, the ledger \`${row}\``)
    if (state === 'done') {
      const [write] = recorded.writes.get(step) ?? []
      if (write !== undefined) tally.expect(meant(write))
    }
  }
}
