import type { z } from 'zod'
import { canonicalJson } from '../../src/contract/digest.ts'
import { fail, type FailureCode, failureOf } from '../../src/contract/failures.ts'
import type { Json } from '../../src/contract/json.ts'
import { MAX_ALL_TOLD_CHARACTERS, MAX_SEEN_CHARACTERS, MAX_TOLD_CHARACTERS } from '../../src/contract/limits.ts'
import { shortened } from '../../src/contract/plain-text.ts'
import type { Proposal, ProposalInput, ProposalThought } from '../../src/contract/proposal.ts'
import type { Tool } from '../../src/contract/tool.ts'
import { callOf, type Offer, shownOffer } from './offers.ts'
import type { Run } from './run.ts'
import type { StepName } from './steps.ts'

/** A piece of work for a model: what it is for, what the model sees, and what it may propose. */
export interface Delegation extends StepName {
  /** The playbook's own words, 1 to 4,000 characters. What people wrote belongs into `seen`. */
  readonly goal: string
  /** Plain JSON, at most 200,000 characters of it: all that the model knows of the case. */
  readonly seen: Readonly<Record<string, unknown>>
  /** Each made by `offer`, one a tool. */
  readonly offers: readonly Offer[]
  /** How many answers the model may give, the closing one among them. 1 to 50. */
  readonly maxSteps: number
}

/** What became of a delegation that the model brought to its end. */
export interface Delegated {
  /** What the model says was achieved: its word, which nobody checked. */
  readonly summary: string
  /** What the calls of a tool returned, in order: evidence, as if the playbook had called it. */
  of<T extends Tool>(tool: T): readonly z.output<T['output']>[]
}

/** What the kernel lends to a delegation beside the steps of a run. */
export interface DelegationParts {
  readonly note: (text: string) => void
  readonly ends: (code: FailureCode, message: string) => Error
  /** The names of the tools whose results these are; fails with `evidence_missing` as citing them would. */
  readonly citedTools: (because: readonly object[]) => readonly string[]
}

/** A call that was made, with what it returned. */
interface Taken {
  readonly offer: Offer
  readonly input: Json
  readonly output: object
}

type Step = ProposalInput['steps'][number]

/** A read that found nothing is news to the model; any other failure is the playbook's. */
const TOLD: readonly FailureCode[] = ['not_found', 'precondition_failed']

/**
 * Lets a model propose one call after the other. Each that is among the offers goes through `run.read` or `run.act` as
 * if the playbook had written it. What is not is told to the model once; a second one in a row ends the run.
 */
export async function delegate(
  run: Pick<Run, 'read' | 'think' | 'act' | 'plan'>,
  thought: ProposalThought,
  { goal, seen, offers, maxSteps, as }: Delegation,
  parts: DelegationParts,
): Promise<Delegated> {
  if (!Number.isSafeInteger(maxSteps) || maxSteps < 1 || maxSteps > 50) {
    throw fail('input_invalid', `${thought.name}: maxSteps must be a whole number from 1 to 50`)
  }
  const names = offers.map(({ tool }) => tool.name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) throw fail('input_invalid', `${thought.name}: \`${twice}\` is offered twice`)
  const known = seenOf(thought, seen)
  const shown = new Map(offers.map((offer) => [offer, shownOffer(offer)]))

  const steps: Step[] = []
  const taken: Taken[] = []
  let improper = false
  for (let left = maxSteps; left > 0; left--) {
    const nth = (count: number): StepName => (as === undefined ? {} : { as: `${as}-${count}` })
    const open = offers.filter((offer) => taken.filter((one) => one.offer === offer).length < offer.times)
    const visible = open.flatMap((offer) => shown.get(offer) ?? [])
    const input = { goal, seen: known, offers: visible, steps: told(steps), left }
    const answer = await run.think(thought, input, nth(maxSteps - left + 1))
    if (answer.tool === null) return delegated(answer.summary, taken)
    // Nobody would hear what became of it.
    if (left === 1) break

    const tell = (became: Step['became'], result: Json): void => {
      steps.push({ tool: shortened(answer.tool ?? '', 200), input: shortened(answer.input, 1_000), became, result })
    }
    const call = callOf(answer, open)
    if ('problem' in call) {
      parts.note(`the model proposed what was not run: ${call.problem}`)
      if (improper) throw parts.ends('proposal_invalid', `the model proposed, twice in a row: ${call.problem}`)
      improper = true
      tell('not_run', call.problem)
      continue
    }
    improper = false
    const { offer } = call
    // Counted by tool: a write has the same step id whatever the model looked at before it, as one case once needs.
    const made = steps.filter(({ tool, became }) => tool === offer.tool.name && became !== 'not_run').length
    run.plan(`the model proposes ${offer.tool.name}: ${answer.summary}`)
    try {
      const output = await take(run, call, answer, taken, nth(made + 1), parts)
      taken.push({ ...call, output })
      tell('done', output as Json)
    } catch (error) {
      const failure = failureOf(error)
      if (offer.tool.kind === 'write' || failure === undefined || !TOLD.includes(failure.code)) throw error
      tell('failed', `${failure.code}: ${failure.message}`)
    }
  }
  throw parts.ends('delegation_unfinished', `${thought.name} was not done after ${maxSteps} answers`)
}

/** Makes a call that was proposed. A write cites its evidence, the proposal, and what the model called for before. */
async function take(
  run: Pick<Run, 'read' | 'act'>,
  { offer, input }: { readonly offer: Offer; readonly input: Json },
  answer: Proposal,
  taken: readonly Taken[],
  name: StepName,
  { citedTools }: DelegationParts,
): Promise<object> {
  const { tool, because } = offer
  if (tool.kind === 'read') return (await run.read(tool, input, name)) as object
  // What the playbook cites stands; the same thing looked at twice is cited as it was last.
  const cited = citedTools(because)
  const latest = new Map<string, object>()
  for (const one of taken) {
    if (cited.includes(one.offer.tool.name)) continue
    latest.set(`${one.offer.tool.name} ${canonicalJson(one.input)}`, one.output)
  }
  return (await run.act(tool, input, { ...name, because: [...because, answer, ...latest.values()] })) as object
}

const delegated = (summary: string, taken: readonly Taken[]): Delegated => ({
  summary,
  of: <T extends Tool>(tool: T) =>
    taken.filter((one) => one.offer.tool.name === tool.name).map(({ output }) => output as z.output<T['output']>),
})

/** What the model is to see, as plain JSON; fails with `input_invalid` on what is none, and on too much of it. */
function seenOf({ name }: ProposalThought, seen: Readonly<Record<string, unknown>>): Record<string, Json> {
  let text: string
  try {
    text = canonicalJson(seen)
  } catch (error) {
    throw fail('input_invalid', `${name}: \`seen\` is not plain JSON: ${String(error)}`)
  }
  if (text.length > MAX_SEEN_CHARACTERS) {
    throw fail('input_invalid', `${name}: \`seen\` has ${text.length} characters, at most ${MAX_SEEN_CHARACTERS}`)
  }
  return JSON.parse(text) as Record<string, Json>
}

/** The earlier steps, cut to what a prompt can hold: each result to its part, and of all together the newest. */
function told(steps: readonly Step[]): Step[] {
  let room = MAX_ALL_TOLD_CHARACTERS
  const newestFirst = steps.toReversed().map((step) => {
    const text = JSON.stringify(step.result)
    const result = text.length > MAX_TOLD_CHARACTERS ? `${shortened(text, MAX_TOLD_CHARACTERS)} (cut)` : step.result
    room -= Math.min(text.length, MAX_TOLD_CHARACTERS)
    return room < 0 ? { ...step, result: '(left out: too long ago)' } : { ...step, result }
  })
  return newestFirst.toReversed()
}
