import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import {
  type JSONSchema7,
  type LanguageModel,
  type LanguageModelUsage,
  NoObjectGeneratedError,
  NoOutputGeneratedError,
  Output,
  asSchema,
  generateText,
  jsonSchema,
} from 'ai'
import { fail } from '../../contract/failures.ts'
import { formatMicroUsd } from '../../contract/money.ts'
import type { Thought } from '../../contract/tool.ts'
import type { Thinking, ThinkLimits } from '../implementation.ts'
import type { ModelConfig, ModelRole } from './config.ts'
import { type Usage, estimateTokens, usageOf } from './cost.ts'
import { type FailedCall, failureOfCall, outputInvalid } from './failures.ts'

/** A configured model that can be called. */
export interface Endpoint {
  readonly role: ModelRole
  readonly config: ModelConfig
  readonly languageModel: LanguageModel
}

/** An endpoint of a role. Redirects are not followed: the configuration says where prompts go. */
export function connect(role: ModelRole, config: ModelConfig, apiKey: string | undefined): Endpoint {
  const provider = createOpenAICompatible({
    name: role,
    baseURL: config.endpoint,
    supportsStructuredOutputs: true,
    fetch: (url, init) => fetch(url, { ...init, redirect: 'manual' }),
    ...(apiKey === undefined ? {} : { apiKey }),
  })
  return { role, config, languageModel: provider(config.model) }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

/** What the endpoint says it used. One that does not say so in whole numbers is charged the worst case. */
function usedBy({ raw }: LanguageModelUsage, { price }: ModelConfig, worst: Usage): Usage {
  const input = raw?.['prompt_tokens']
  const output = raw?.['completion_tokens']
  return isCount(input) && isCount(output) ? usageOf(price, input, output) : worst
}

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

/** What a call can cost at most, as far as that can be told before it: see `estimateTokens`. */
function worstCase({ config }: Endpoint, thought: Thought, prompt: string, schema: JSONSchema7): Usage {
  const inputTokens = estimateTokens(thought.instructions, prompt, JSON.stringify(schema))
  return usageOf(config.price, inputTokens, thought.maxOutputTokens)
}

function refuseBeyond(remainingMicroUsd: number | null, { role, model, worst }: FailedCall): void {
  if (remainingMicroUsd === null || worst.microUsd <= remainingMicroUsd) return
  const cost = formatMicroUsd(worst.microUsd)
  const left = formatMicroUsd(Math.max(0, remainingMicroUsd))
  throw fail(
    'model_budget_exceeded',
    `a call of model \`${model}\` (role \`${role}\`) may cost ${cost}, and ${left} is left; it was not made`,
    { role, model, worstCaseMicroUsd: worst.microUsd, remainingMicroUsd },
  )
}

/** Where an answer breaks the schema: paths and codes, not the words of the model. */
const problemsOf = (issues: readonly { readonly path: readonly PropertyKey[]; readonly code?: string }[]) =>
  issues
    .slice(0, 3)
    .map(({ path, code }) => `\`${path.map(String).join('.').slice(0, 80) || 'answer'}\` (${code ?? 'custom'})`)
    .join(', ')

/**
 * Asks the model of an endpoint, once. `input` is parsed already; the output is checked against the thought's schema
 * and handed over as the model gave it. Fails with `model_budget_exceeded` before anything is sent, and as
 * `failureOfCall` says; with `model_output_invalid` when the answer is empty, no JSON, or breaks the schema.
 */
export async function ask(
  endpoint: Endpoint,
  thought: Thought,
  input: unknown,
  limits: ThinkLimits,
): Promise<Thinking> {
  const { role, config, languageModel } = endpoint
  const prompt = thought.prompt(input)
  const schema = await asSchema(thought.output).jsonSchema
  const call: FailedCall = { role, model: config.model, worst: worstCase(endpoint, thought, prompt, schema) }
  refuseBeyond(limits.remainingMicroUsd, call)

  // Our own timeout comes before Temporal's, so that the failure is typed.
  const timeoutMs = Math.min(config.timeoutMs, Math.floor(thought.startToCloseMs * 0.95))
  let used = call.worst
  const answer = await whileBeating(thought.heartbeatMs, limits, () =>
    generateText({
      model: languageModel,
      instructions: thought.instructions,
      prompt,
      output: Output.object({ schema: jsonSchema(schema) }),
      temperature: config.temperature,
      maxOutputTokens: thought.maxOutputTokens,
      maxRetries: 0,
      abortSignal: limits.signal,
      timeout: timeoutMs,
      onStepEnd: ({ usage }) => {
        used = usedBy(usage, config, call.worst)
      },
    }).then(({ output }) => output),
  ).catch((error: unknown) => {
    limits.signal.throwIfAborted()
    if (NoObjectGeneratedError.isInstance(error) || NoOutputGeneratedError.isInstance(error)) {
      throw outputInvalid(call, used, 'did not answer with JSON')
    }
    throw failureOfCall(error, call, timeoutMs)
  })

  const checked = await thought.output.safeParseAsync(answer)
  if (!checked.success) {
    throw outputInvalid(call, used, `broke the agreed form at ${problemsOf(checked.error.issues)}`)
  }
  return { output: answer, model: config.model, ...used }
}
