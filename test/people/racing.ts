import { expect } from 'vitest'
import type { Identity } from '../../src/contract/statement.ts'
import type { RunResult } from '../../src/client/index.ts'
import { decisionBy, type Word } from './deciders.ts'
import type { Office } from './office.ts'

export const RACES = 500
const SIDE_BY_SIDE = 25

/** Does something so many times, some of it side by side. */
export async function manyTimes<T>(times: number, what: (race: number) => Promise<T>): Promise<readonly T[]> {
  const done: T[] = []
  let next = 0
  const runner = async (): Promise<void> => {
    while (next < times) done.push(await what(next++))
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, runner))
  return done
}

/** How a race ended: what each was told, in order, the state of the run and what it did. */
export interface Raced {
  readonly told: readonly string[]
  readonly state: RunResult['state']
  readonly held: number
  readonly executed: number
  readonly ledger: readonly string[]
}

/** Two people decide on one action at once; which is sent first changes from race to race. */
export async function race(
  office: Office,
  kind: 'ask' | 'pair',
  sides: readonly (readonly [who: Identity, word: Word])[],
  at: number,
): Promise<Raced> {
  const { boxes, tell, as, ledgerOf, waiting } = office
  const { item, run, pending, runKey } = await waiting(kind)
  const send = ([who, word]: readonly [Identity, Word]) =>
    tell(run.workflowId, 'decide', decisionBy(who, pending, word))
  const order = at % 2 === 0 ? sides : sides.toReversed()
  const answers = new Map(await Promise.all(order.map(async (side) => [side, await send(side)] as const)))
  const [[who] = []] = sides
  if (who === undefined) throw new Error('nobody races')
  const { state } = await as(who).run(run.workflowId).outcome()
  return {
    told: sides.map((side) => answers.get(side) ?? 'nothing'),
    state,
    held: boxes.held(item),
    executed: boxes.asked(item).length,
    ledger: await ledgerOf(runKey),
  }
}

/** How often each ending was seen. */
function tally(ended: readonly Raced[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { told, state, held, executed, ledger } of ended) {
    const name = `${told.join(', ')}: ${state}, ${held} held, ${executed} executed, ${ledger.join(' ') || 'nothing'}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

/** Every race ended in one of these ways, and each of `seen` was seen. */
export function expectEndings(ended: readonly Raced[], allowed: readonly string[]): void {
  expect(ended).toHaveLength(RACES)
  const counts = tally(ended)
  expect(Object.keys(counts).filter((name) => !allowed.includes(name))).toEqual([])
}
