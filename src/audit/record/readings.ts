import { inputDigestOf } from '../../contract/action.ts'
import type { Digest } from '../../contract/digest.ts'
import type { Json, JsonObject } from '../../contract/json.ts'
import { formatMicroUsd } from '../../contract/money.ts'
import { WIRE } from '../../contract/wire.ts'
import { fieldsOf, textIn } from '../fields.ts'
import { receiptFlaw } from '../receipt-flaw.ts'
import { isPreview } from '../told.ts'
import { type Activity, eventsOf, type Outcome, outcomeOf, proofOf } from './activities.ts'
import { attested, type Attested, cameSentence, stopsIn } from './attested.ts'
import {
  type Execution,
  type Found,
  type Known,
  line,
  type Local,
  objectsIn,
  refs,
  summaryOf,
  timeOf,
} from './execution.ts'
import { held, type Read } from './payloads.ts'

/** What the run read, and what models answered. */
export async function readingsIn(
  execution: Execution,
  activities: readonly Activity[],
  known: Known,
): Promise<readonly Found[]> {
  const found: Found[] = []
  for (const activity of activities) {
    const { asked, ended } = activity
    if (asked.kind !== 'reading' || isPreview(asked.tool)) continue
    found.push(await readingIn(execution, activity, known))
    found.push(...stopsIn(execution, ended, asked.step, outcomeOf(activity).failure))
  }
  for (const local of execution.locals) found.push(...(await localIn(execution, local, known)))
  return found
}

async function readingIn(execution: Execution, activity: Activity, known: Known): Promise<Found> {
  const { scheduled, input, asked } = activity
  const outcome = outcomeOf(activity)
  const events = eventsOf(activity)
  const place = { at: timeOf(events[0]), events: refs(execution, ...events) }
  const isThought = scheduled.activityTaskScheduledEventAttributes?.activityType?.name === WIRE.activities.think
  const given = { ...asked, isThought, input: fieldsOf(input.json)['input'] }
  return await readingOf(given, outcome, place, known, summaryOf(scheduled))
}

interface Reading {
  readonly step: string
  readonly tool: string
  readonly inputDigest: Digest | null
  readonly isThought: boolean
  readonly input: Json | undefined
}

async function readingOf(
  { step, tool, inputDigest, isThought, input }: Reading,
  outcome: Outcome,
  place: Pick<Found, 'at' | 'events'>,
  known: Known,
  describe: string,
): Promise<Found> {
  const what = await attested(outcome, { step, tool, inputDigest }, known)
  const { model, prompt, inputTokens, outputTokens, microUsd } = fieldsOf(outcome.answer.json)
  return {
    ...place,
    kind: isThought ? 'model_call' : 'source',
    step: step === '' ? null : step,
    proof: proofOf(outcome.state, what.proof),
    by: outcome.state === 'done' ? what.by : outcome.identity || null,
    says: {
      tool,
      describe,
      state: outcome.state,
      asked: held(input),
      inputDigest,
      ...(isThought && outcome.answer.veil === null && outcome.state === 'done'
        ? {
            model: model ?? null,
            prompt: held(prompt),
            inputTokens: inputTokens ?? null,
            outputTokens: outputTokens ?? null,
            microUsd: microUsd ?? null,
          }
        : {}),
      ...(outcome.state === 'done' ? what.says : { failure: outcome.failure }),
    },
    text: isThought
      ? thoughtSentence(outcome, what, tool, { model, microUsd })
      : readSentence(outcome, what, `${line(tool)}${describe === '' ? '' : ` (${describe})`}`),
  }
}

function readSentence(outcome: Outcome, { proof, says }: Attested, what: string): string {
  const { state, answer } = outcome
  if (state !== 'done' || answer.veil !== null) return cameSentence(outcome, { proof, by: null, says }, what)
  const { kind, reference } = fieldsOf(says['receipt'])
  const source = `${line(textIn(kind)) || 'something'} ${line(textIn(reference))}`.trim()
  return proof === 'signed'
    ? `The run read ${source}; a host signed what it said.`
    : `It is claimed that the run read ${source}, and no host signed what it said: ${line(textIn(says['flaw']))}.`
}

function thoughtSentence(
  outcome: Outcome,
  { proof, says }: Attested,
  tool: string,
  { model, microUsd }: { readonly model: Json | undefined; readonly microUsd: Json | undefined },
): string {
  const { state, answer } = outcome
  if (state !== 'done' || answer.veil !== null) return cameSentence(outcome, { proof, by: null, says }, line(tool))
  const who =
    model === 'deterministic' ? 'Plain code, and no model,' : `The model ${line(textIn(model)) || 'of no name'}`
  const cost = Number.isSafeInteger(microUsd) && microUsd !== 0 ? ` for ${formatMicroUsd(Number(microUsd))}` : ''
  const signed = proof === 'signed' ? '; a host signed that' : `; no host signed that: ${line(textIn(says['flaw']))}`
  return `${who} answered \`${line(tool)}\`${cost}${signed}.`
}

/** The kernel's own local activities, of which other entries tell. */
const { openRun, spent, seal, hear, notify, recall, think } = WIRE.activities
const TOLD_ELSEWHERE: ReadonlySet<string> = new Set([spent, seal, hear])

async function localIn(
  execution: Execution,
  { event, type, answer, failure }: Local,
  known: Known,
): Promise<readonly Found[]> {
  const place = { at: timeOf(event), events: refs(execution, event) }
  const stops = stopsIn(execution, event, null, failure)
  if (failure !== null && KERNELS.has(type)) return [hostFailed(place, type, failure), ...stops]
  if (failure !== null) {
    const outcome: Outcome = { state: 'failed', answer, failure, identity: '' }
    const failed = { step: '', tool: type, inputDigest: null, isThought: type === think, input: undefined }
    return [await readingOf(failed, outcome, place, known, summaryOf(event)), ...stops]
  }
  if (type === notify) return [toldPeople(place)]
  if (type === recall) {
    if (answer.veil !== null) return []
    return await Promise.all(
      objectsIn(answer.json).map((entry, index) => recalled(entry, exactAt(answer, index), place, known)),
    )
  }
  if (isPreview(type)) {
    const entry = fieldsOf(answer.json)['known']
    return entry === undefined
      ? []
      : [await recalled(fieldsOf(entry), fieldsOf(fieldsOf(answer.exact)['known']), place, known)]
  }
  if (type === openRun || TOLD_ELSEWHERE.has(type)) return []
  const { step, tool, asked } = fieldsOf(fieldsOf(answer.json)['receipt'])
  const name = type === think ? textIn(tool) : type
  const exact = fieldsOf(fieldsOf(answer.exact)['receipt'])['asked']
  const reading = {
    step: textIn(step),
    tool: name,
    inputDigest: digestOfInput(name, exact),
    isThought: type === think,
    input: asked,
  }
  const outcome: Outcome = { state: 'done', answer, failure: null, identity: '' }
  return [await readingOf(reading, outcome, place, known, summaryOf(event))]
}

const exactAt = ({ exact }: Read, index: number): JsonObject =>
  fieldsOf(Array.isArray(exact) ? (exact as readonly Json[])[index] : null)

function digestOfInput(tool: string, input: Json | undefined): Digest | null {
  try {
    return input === undefined ? null : inputDigestOf(tool, input)
  } catch {
    return null
  }
}

/** Nothing that was read: what the kernel itself asked a host for. */
const KERNELS: ReadonlySet<string> = new Set([openRun, spent, seal, hear, notify, recall])

const hostFailed = (place: Pick<Found, 'at' | 'events'>, type: string, failure: JsonObject): Found => ({
  ...place,
  kind: 'execution',
  step: null,
  proof: 'claimed',
  by: null,
  says: { asked: type, failure },
  text: `${type === openRun ? 'The run could not be opened' : `A host did not do \`${line(type)}\``}: ${line(textIn(failure['message']))}.`,
})

const toldPeople = (place: Pick<Found, 'at' | 'events'>): Found => ({
  ...place,
  kind: 'question',
  step: null,
  proof: 'claimed',
  by: null,
  says: { told: true },
  text: 'A host was to tell people of the question.',
})

/** What is wrong with what was recalled without its result: the step itself brings that, when the run comes to it. */
export const NO_RESULT = 'no result came with it'

/** What a host says that the ledger has of a step: after a reset, an effect that this history did not order. */
async function recalled(
  entry: JsonObject,
  exact: JsonObject,
  place: Pick<Found, 'at' | 'events'>,
  { runKey, hosts }: Pick<Known, 'runKey' | 'hosts'>,
): Promise<Found> {
  const { step, tool, state, input, inputDigest, result } = entry
  const name = { step: textIn(step), tool: textIn(tool) }
  const flaw =
    result === null || result === undefined
      ? NO_RESULT
      : await receiptFlaw(exact['result'] ?? null, { runKey, ...name, inputDigest: null }, hosts)
  const receipt = fieldsOf(fieldsOf(result)['receipt'])
  return {
    ...place,
    kind: 'tool_call',
    step: name.step === '' ? null : name.step,
    proof: flaw === undefined ? 'signed' : 'claimed',
    by: flaw === undefined ? `host ${line(textIn(receipt['keyId']), 64)}` : null,
    says: {
      tool: name.tool,
      state: 'recalled',
      ledger: state ?? null,
      input: held(input),
      inputDigest: inputDigest ?? null,
      output: held(fieldsOf(result)['output']),
      ...(flaw === undefined ? {} : { flaw }),
    },
    text: `The ledger had ${line(name.step)} already: ${line(textIn(state))}.`,
  }
}
