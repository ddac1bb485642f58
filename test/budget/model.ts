import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ModelsConfig } from '../../src/tools/models/config.ts'
import { parseModels } from '../../src/tools/models/load.ts'

/** How the model takes one call: answers, answers nonsense, has its price and hangs up, or waits until it is let go. */
export type Turn = 'answer' | 'nonsense' | 'hang up' | 'wait'

/** A model endpoint that is scripted by the item that it is asked about; past the script it answers. */
export interface FakeModel extends AsyncDisposable {
  /** The file that configures it, and what it says. */
  readonly yaml: string
  readonly config: ModelsConfig
  script(item: string, ...turns: readonly Turn[]): void
  /** How many calls about an item have come in. */
  asked(item: string): number
  /** Lets every call go that waits, and those to come. */
  letGo(): void
}

const completion = (content: string) => ({
  id: 'chat-1',
  object: 'chat.completion',
  created: 0,
  model: 'small-1',
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 40, completion_tokens: 100, total_tokens: 140 },
})
const ANSWER = completion('{"text":"a cat"}')
const NONSENSE = completion('a cat, I think')

export async function fakeModel(): Promise<FakeModel> {
  const scripts = new Map<string, Turn[]>()
  const asked = new Map<string, number>()
  const gate = Promise.withResolvers<void>()
  const answer = (response: ServerResponse, what = ANSWER) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(what))
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => (text += chunk))
    request.on('end', () => {
      const item = /item<([^>]*)>/.exec(text)?.[1] ?? ''
      asked.set(item, (asked.get(item) ?? 0) + 1)
      const turn = scripts.get(item)?.shift() ?? 'answer'
      if (turn === 'hang up') response.socket?.destroy()
      else if (turn === 'nonsense') answer(response, NONSENSE)
      else if (turn === 'wait') void gate.promise.then(() => answer(response))
      else answer(response)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const yaml = yamlOf(`http://127.0.0.1:${port}/v1`)
  return {
    yaml,
    config: parseModels(yaml, 'models.yaml'),
    script: (item, ...turns) => void scripts.set(item, [...turns]),
    asked: (item) => asked.get(item) ?? 0,
    letGo: () => gate.resolve(),
    async [Symbol.asyncDispose]() {
      gate.resolve()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** See `WORST_MICRO_USD`. */
const yamlOf = (endpoint: string): string => `roles:
  extract:
    provider: compatible
    endpoint: ${endpoint}
    model: small-1
    price: {inputUsdPerMillionTokens: 0, outputUsdPerMillionTokens: 10}
    timeoutSeconds: 8
`
