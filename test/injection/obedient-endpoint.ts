import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ModelConfig, ModelsConfig } from '../../src/tools/models/config.ts'
import { DIALECTS } from '../model/dialects.ts'

/** What the model answers: a value as JSON, or a text as it stands. */
export type Obeyed = object | string

/** Tokens that an answer is said to have taken. */
export interface Usage {
  readonly inputTokens: number
  readonly outputTokens: number
}

/** A model that does what it was told to by whoever wrote the data that it is shown. */
export interface ObedientEndpoint {
  readonly models: ModelsConfig
  /** What it answers about an order, by the number of steps that it is shown; the last one for ever. */
  obey(orderId: string, answers: readonly Obeyed[], usage?: Usage): void
  /** The prompts about an order, as they came over the wire. */
  prompts(orderId: string): readonly Prompt[]
  stop(): Promise<void>
}

interface Prompt {
  readonly roles: readonly string[]
  /** The last message. */
  readonly text: string
}

interface Body {
  readonly messages: readonly { readonly role: string; readonly content: string }[]
}

/** The record as we quote it: what an attacker writes has its quotation marks escaped. */
const ORDER = /"id":"(ord_[a-z0-9]+)"/
const STEPS = /\n<steps>\n(.*)\n<\/steps>\n/

export async function obedientEndpoint(): Promise<ObedientEndpoint> {
  const scripts = new Map<string, { readonly answers: readonly Obeyed[]; readonly usage: Usage }>()
  const seen = new Map<string, Prompt[]>()
  const server = createServer((request, response) => {
    let sent = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => (sent += chunk))
    request.on('end', () => {
      const { messages } = JSON.parse(sent) as Body
      const text = messages.at(-1)?.content ?? ''
      const orderId = ORDER.exec(text)?.[1] ?? 'none'
      seen.set(orderId, [...(seen.get(orderId) ?? []), { roles: messages.map(({ role }) => role), text }])
      const steps = JSON.parse(STEPS.exec(text)?.[1] ?? '[]') as readonly unknown[]
      const { answers, usage } = scripts.get(orderId) ?? { answers: [], usage: { inputTokens: 0, outputTokens: 0 } }
      const answer = answers[Math.min(steps.length, answers.length - 1)] ?? 'there is no script'
      const said = typeof answer === 'string' ? answer : JSON.stringify(answer)
      DIALECTS.compatible.says(said, { input: usage.inputTokens, output: usage.outputTokens })(response)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const config: ModelConfig = {
    provider: 'compatible',
    endpoint: `http://127.0.0.1:${port}/v1`,
    model: 'obedient-1',
    apiKeyEnv: null,
    price: { inputMicroUsdPerMillion: 150_000, outputMicroUsdPerMillion: 600_000 },
    temperature: 0,
    timeoutMs: 10_000,
  }
  return {
    models: { source: 'models.yaml', roles: { extract: config, plan: config } },
    obey(orderId, answers, usage = { inputTokens: 1_000, outputTokens: 100 }) {
      scripts.set(orderId, { answers, usage })
    },
    prompts: (orderId) => seen.get(orderId) ?? [],
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
