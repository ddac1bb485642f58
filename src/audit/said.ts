import type { EffectStatus } from '../contract/run.ts'
import { fieldsOf, textIn } from './fields.ts'
import type { Told, ToldStep } from './told.ts'

/** What a history says of an effect; `nothing`: it does not speak of it. */
export type Said = EffectStatus['state'] | 'nothing'

/** The effects that the result of a run lists; none when there is no result. */
export function listedEffects({ result }: Told): readonly Pick<EffectStatus, 'step' | 'tool' | 'state'>[] {
  const { effects } = result
  const listed = Array.isArray(effects) ? effects : []
  return listed.map(fieldsOf).map(({ step, tool, state }) => ({
    step: textIn(step),
    tool: textIn(tool),
    state: textIn(state) as EffectStatus['state'],
  }))
}

/**
 * What is said of an effect in the end: by the result of the newest execution, and as long as there is none by the last
 * step of any that speaks of it. `told` is in the order in which they began.
 */
export function saidOf(step: string, told: readonly Told[]): Said {
  const newest = told.at(-1)
  if (newest !== undefined && 'state' in newest.result) {
    return listedEffects(newest).find((effect) => effect.step === step)?.state ?? 'nothing'
  }
  const about = told.flatMap(({ steps }) => steps).filter((one) => one.step === step && one.kind !== 'reading')
  const words = about.flatMap((one) => wordOf(one) ?? [])
  return words.at(-1) ?? (about.length > 0 ? 'running' : 'nothing')
}

const OF_LEDGER: Readonly<Record<string, Said>> = { done: 'done', undone: 'undone', barred: 'not_done' }

function wordOf({ kind, answer }: ToldStep): Said | undefined {
  if (answer === undefined) return undefined
  if (kind === 'write') return 'done'
  const { state } = fieldsOf(answer)
  if (kind === 'ledger') return OF_LEDGER[textIn(state)]
  return state === 'undone' || state === 'not_done' ? state : undefined
}
