import type { Thought } from '../../contract/tool.ts'

/** What a thought asks of a model; configuration maps each to an endpoint. */
export type ModelRole = Thought['role']

/** The name that stands on the record in place of a model when plain code answered. */
export const DETERMINISTIC = 'deterministic'

/**
 * How an endpoint is spoken to: `openai` its Responses API, `anthropic` its Messages API, `compatible` the chat
 * completions that most other servers and gateways offer.
 */
export type Provider = 'openai' | 'anthropic' | 'compatible'

/** What tokens cost: integer micro-dollars per million of them. */
export interface ModelPrice {
  readonly inputMicroUsdPerMillion: number
  readonly outputMicroUsdPerMillion: number
}

/** One model behind one endpoint. */
export interface ModelConfig {
  readonly provider: Provider
  /** The base URL, to which `/responses`, `/messages` or `/chat/completions` is added. */
  readonly endpoint: string
  readonly model: string
  /** The environment variable that holds the API key; `null`: the endpoint takes none (`compatible` alone). */
  readonly apiKeyEnv: string | null
  readonly price: ModelPrice
  /** `null`: none is sent, and the model takes its own. */
  readonly temperature: number | null
  /** How long one call may take. */
  readonly timeoutMs: number
}

/** The models by role; a role that is absent is answered by plain code. `source` names the file in errors. */
export interface ModelsConfig {
  readonly source: string
  readonly roles: Readonly<Partial<Record<ModelRole, ModelConfig>>>
}

/** A configuration that cannot be used. Each problem names its key; the message names the file too, and no value. */
export class ModelsConfigError extends Error {
  override readonly name = 'ModelsConfigError'
  readonly problems: readonly string[]

  constructor(source: string, problems: readonly string[]) {
    super(problems.map((problem) => `${source}: ${problem}`).join('\n'))
    this.problems = problems
  }
}
