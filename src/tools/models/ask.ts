import type { Usage } from '../../contract/calls.ts'
import { fail, failureOf } from '../../contract/failures.ts'
import type { Thought } from '../../contract/tool.ts'
import type { Reservation, Thinking, ThinkLimits, Veiled } from '../implementation.ts'
import { type Endpoint, type Reply, send, worstCase } from './call.ts'
import { addUsage, NOTHING_USED } from './cost.ts'
import { failureOfCall } from './failures.ts'
import { askedAgain, promptRecordOf, type Question, questionOf, readAnswer } from './form.ts'

/** With less time than this until Temporal gives the attempt up, a model is not asked again. */
const MIN_REPAIR_MS = 1000

/** Runs something while telling Temporal, twice in every `heartbeatMs`, that the attempt is alive. */
async function whileBeating<T>(
  heartbeatMs: number | undefined,
  limits: ThinkLimits,
  run: () => Promise<T>,
): Promise<T> {
  if (heartbeatMs === undefined) return await run()
  const timer = setInterval(() => limits.heartbeat(), heartbeatMs / 2)
  try {
    return await run()
  } finally {
    clearInterval(timer)
  }
}

/** What a meter's refusal of a second call has to say of the first. */
async function reserve(limits: ThinkLimits, worst: Usage, what: string, spent: object | null): Promise<Reservation> {
  try {
    return await limits.meter.reserve(worst, what)
  } catch (error) {
    const failure = failureOf(error)
    if (failure === undefined || spent === null) throw error
    throw fail(failure.code, failure.message, { ...failure.details, ...spent })
  }
}

/** The output of a reply, or why it has none and whether asking again can help. */
function judge(thought: Thought, question: Question, { text, end }: Reply, veil?: Veiled) {
  if (end === 'declined') return { code: 'model_refused', problem: 'declines to answer', again: false } as const
  const answer = readAnswer(thought, question, text, veil)
  if ('output' in answer) return answer
  if (end === 'whole') return { code: 'model_output_invalid', problem: answer.problem, again: true } as const
  const problem = `was cut off after ${thought.maxOutputTokens} tokens: raise \`maxOutputTokens\` of \`${thought.name}\``
  return { code: 'model_output_invalid', problem, again: false } as const
}

/**
 * Asks the model of an endpoint for an answer in the agreed form. One that is empty, no JSON, or breaks the form is
 * asked for once more, with what was wrong; one that was cut off is not, since it would be again. `input` is parsed
 * already, and the output is handed over as the model gave it. Fails as the meter and `failedBy` say, with
 * `model_output_invalid`, and with `model_refused` when the model would not answer. The details of each failure hold role,
 * model, prompt and what all calls cost. A cancelled call throws the reason of the signal.
 */
export async function ask(
  endpoint: Endpoint,
  thought: Thought,
  input: unknown,
  limits: ThinkLimits,
): Promise<Thinking> {
  const { role, config } = endpoint
  const { model } = config
  const { maxOutputTokens } = thought
  const { signal, veil } = limits
  const name = `model \`${model}\` (role \`${role}\`)`
  // Our own timeouts come before Temporal's, so that the failure is typed.
  const until = performance.now() + thought.startToCloseMs * 0.95
  const timeLeft = () => Math.floor(until - performance.now())

  return await whileBeating(thought.heartbeatMs, limits, async () => {
    let question = questionOf(thought, input, veil?.tokens)
    let spent = NOTHING_USED
    for (;;) {
      const prompt = promptRecordOf(thought, question)
      const told = () => ({ role, model, prompt, ...spent })
      const isFirst = question.repaired === null
      const worst = worstCase(endpoint, question, maxOutputTokens)
      const reservation = await reserve(limits, worst, `a call of ${name}`, isFirst ? null : told())
      const timeoutMs = Math.max(1, Math.min(config.timeoutMs, timeLeft()))
      const sent = await send(endpoint, question, { maxOutputTokens, timeoutMs, signal, worst })
      await reservation.settle(sent.used)
      spent = addUsage(spent, sent.used)
      if ('code' in sent) {
        signal.throwIfAborted()
        throw failureOfCall(sent, `the endpoint of ${name} ${sent.what}`, told())
      }
      const answer = judge(thought, question, sent, veil)
      if ('output' in answer) return { output: answer.output, model, prompt, ...spent }
      const { code, problem, again } = answer
      if (!again || !isFirst || timeLeft() < MIN_REPAIR_MS) {
        const before = isFirst ? '' : `; the one before it ${question.repaired}`
        const what = code === 'model_refused' ? `${name} ${problem}` : `the answer of ${name} ${problem}`
        throw fail(code, what + before, told())
      }
      question = askedAgain(question, problem)
    }
  })
}
