import type { Usage } from '../../contract/calls.ts'
import type { ModelConfig, ModelRole } from './config.ts'
import { estimateTokens, usageOf } from './cost.ts'
import { type Failed, failedBy } from './failures.ts'
import type { Question } from './form.ts'
import { modelOf } from './provider.ts'
import { newWire } from './wire.ts'

/** A configured model that can be called. */
export interface Endpoint {
  readonly role: ModelRole
  readonly config: ModelConfig
  readonly apiKey: string | undefined
}

type Model = ReturnType<typeof modelOf>
type Told = Awaited<ReturnType<Model['doGenerate']>>

/** What a model wrote. */
export interface Reply {
  readonly text: string
  /** `cut_off`: it reached the most that it may write; `declined`: it, or a filter around it, would not answer. */
  readonly end: 'whole' | 'cut_off' | 'declined'
  readonly used: Usage
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

/** What the endpoint says it used. One that does not say so in whole numbers is charged the worst case. */
function usedBy({ raw, inputTokens, outputTokens }: Told['usage'], { price }: ModelConfig, worst: Usage): Usage {
  // The clients count what was not said as nothing, so the endpoint's own words are looked at too.
  const said = [raw?.['input_tokens'] ?? raw?.['prompt_tokens'], raw?.['output_tokens'] ?? raw?.['completion_tokens']]
  const [input, output] = [inputTokens.total, outputTokens.total]
  if (!said.every(isCount) || !isCount(input) || !isCount(output)) return worst
  const used = usageOf(price, input, output)
  return isCount(used.microUsd) ? used : worst
}

/** What a call can cost at most, as far as that can be told before it: see `estimateTokens`. */
export function worstCase({ config }: Endpoint, question: Question, maxOutputTokens: number): Usage {
  const schema = JSON.stringify(question.schema)
  // The schema twice: providers put it into words of their own beside it.
  const inputTokens = estimateTokens(question.instructions, question.prompt, schema, schema)
  return usageOf(config.price, inputTokens, maxOutputTokens)
}

/** The refusal of a chat completion, which the client for compatible endpoints passes over. */
function holdsRefusal(body: unknown): boolean {
  const { choices } = (body ?? {}) as { choices?: readonly { message?: { refusal?: unknown } }[] }
  const refusal = choices?.[0]?.message?.refusal
  return typeof refusal === 'string' && refusal !== ''
}

function replyOf({ content, structuredOutputText, finishReason, usage, response }: Told) {
  const text = content.map((part) => (part.type === 'text' ? part.text : '')).join('')
  const declined = finishReason.unified === 'content-filter' || holdsRefusal(response?.body)
  const end: Reply['end'] = declined ? 'declined' : finishReason.unified === 'length' ? 'cut_off' : 'whole'
  return { text: structuredOutputText ?? text, end, usage }
}

/**
 * Asks a model once, in one HTTP request: nothing is tried again. Always says what was used: what the endpoint
 * reports, else the worst case once the request was out.
 */
export async function send(
  { config, apiKey }: Endpoint,
  question: Question,
  limits: {
    readonly maxOutputTokens: number
    readonly timeoutMs: number
    readonly signal: AbortSignal
    readonly worst: Usage
  },
): Promise<Reply | Failed> {
  const { maxOutputTokens, timeoutMs, signal, worst } = limits
  const wire = newWire()
  const timeout = AbortSignal.timeout(timeoutMs)
  try {
    const { usage, ...reply } = replyOf(
      await modelOf(config, apiKey, wire.fetch).doGenerate({
        prompt: [
          { role: 'system', content: question.instructions },
          { role: 'user', content: [{ type: 'text', text: question.prompt }] },
        ],
        responseFormat: { type: 'json', schema: question.schema },
        maxOutputTokens,
        ...(config.temperature === null ? {} : { temperature: config.temperature }),
        // OpenAI keeps answers for a month unless it is told not to; the others do not know the option.
        providerOptions: { openai: { store: false } },
        abortSignal: AbortSignal.any([signal, timeout]),
      }),
    )
    return { ...reply, used: usedBy(usage, config, worst) }
  } catch (error) {
    const timedOutAfterMs = timeout.aborted ? timeoutMs : null
    return failedBy(wire.exchange(), { error, config, worst, timedOutAfterMs })
  }
}
