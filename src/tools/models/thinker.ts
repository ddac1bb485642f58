import { fail } from '../../contract/failures.ts'
import type { Thought } from '../../contract/tool.ts'
import type { Thinker, Thinking } from '../implementation.ts'
import { ask } from './ask.ts'
import type { Endpoint } from './call.ts'
import { DETERMINISTIC, type ModelRole, type ModelsConfig, ModelsConfigError } from './config.ts'
import { NOTHING_USED } from './cost.ts'

// Method syntax on purpose, as in contracts: a record holds functions of different inputs.
type Answer = { answer(input: unknown): unknown }['answer']

/**
 * Plain code that answers thoughts where no model is configured, by the name of the thought. Each is handed the
 * parsed input of its thought; a promise is waited for.
 */
export type DeterministicThoughts = Readonly<Record<string, Answer>>

export interface ThinkerOptions {
  /** Absent: every thought is answered by plain code. */
  readonly models?: ModelsConfig | undefined
  readonly deterministic: DeterministicThoughts
  /** Where API keys are looked up, by the names in the configuration; read once. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A key as it can stand in a header; what else there is in a variable must not reach an error message. */
const KEY = /^[\x21-\x7e]+$/

/** The endpoint of each role that a model is configured for; throws `ModelsConfigError` for a key that is not set. */
export function connectAll(models: ModelsConfig, env: ThinkerOptions['env']): ReadonlyMap<ModelRole, Endpoint> {
  const endpoints = new Map<ModelRole, Endpoint>()
  const problems: string[] = []
  for (const role of ['route', 'extract', 'plan'] as const) {
    const config = models.roles[role]
    if (config === undefined) continue
    const { apiKeyEnv } = config
    const apiKey = apiKeyEnv === null ? undefined : env[apiKeyEnv]?.trim()
    if (apiKeyEnv !== null && !KEY.test(apiKey ?? '')) {
      problems.push(`roles.${role}.apiKeyEnv: the environment variable \`${apiKeyEnv}\` is not set to a key`)
    }
    endpoints.set(role, { role, config, apiKey })
  }
  if (problems.length > 0) throw new ModelsConfigError(models.source, problems)
  return endpoints
}

/** The input of a thought as its contract has it; fails with `input_invalid`, naming places and no values. */
function parseInput(thought: Thought, input: unknown): unknown {
  const parsed = thought.input.safeParse(input)
  if (parsed.success) return parsed.data
  const places = parsed.error.issues.map(({ path, code }) => `\`${path.join('.') || 'input'}\` (${code})`)
  throw fail('input_invalid', `the input of \`${thought.name}\` does not match its contract at ${places.join(', ')}`)
}

async function answerByCode(thought: Thought, deterministic: DeterministicThoughts, input: unknown): Promise<Thinking> {
  const answer = Object.hasOwn(deterministic, thought.name) ? deterministic[thought.name] : undefined
  if (answer === undefined) {
    throw fail(
      'model_rejected',
      `no model is configured for role \`${thought.role}\`, and no plain code answers \`${thought.name}\``,
      { role: thought.role, thought: thought.name },
    )
  }
  return { output: await answer(input), model: DETERMINISTIC, prompt: null, ...NOTHING_USED }
}

/**
 * Answers thoughts by the role they ask for: the model configured for it, else plain code, which costs nothing and
 * is named `deterministic` on the record. Throws `ModelsConfigError` when a key that the configuration names is not
 * in the environment. `think` takes the input as it was sent and fails with `input_invalid`, with `model_rejected`
 * when nobody answers the thought, and as `ask` does; a cancelled call throws the reason of the signal.
 */
export function createThinker({ models, deterministic, env }: ThinkerOptions): Thinker {
  const endpoints = models === undefined ? new Map<ModelRole, Endpoint>() : connectAll(models, env)
  return {
    isPlain: ({ role }) => !endpoints.has(role),
    async think(thought, input, limits) {
      limits.signal.throwIfAborted()
      const parsed = limits.veil === undefined ? parseInput(thought, input) : input
      const endpoint = endpoints.get(thought.role)
      return endpoint === undefined
        ? await answerByCode(thought, deterministic, parsed)
        : await ask(endpoint, thought, parsed, limits)
    },
  }
}
