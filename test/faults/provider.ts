import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import { Books, type Operation } from './books.ts'

/**
 * What the provider does with a request besides what it is for. `lost`: does it, and the line goes dead. `error`: does it, and
 * says 500. `late`: does it at once, and answers after `ms`. `refuse`: says 503, and does nothing. `slow`: waits, and
 * does it when the caller still listens.
 */
export type Turn = 'lost' | 'error' | 'late' | 'refuse' | 'slow'

/** What the provider is told to do with the next requests. */
export interface Script {
  readonly turn: Turn
  readonly verb: 'do' | 'reverse' | 'find'
  /** Default: any. */
  readonly via?: string
  readonly times: number
  readonly ms?: number
}

const orderSchema = z.strictObject({
  via: z.string(),
  account: z.string(),
  cents: z.int(),
  runKey: z.string(),
  step: z.string(),
  key: z.string().nullable(),
  reference: z.string().nullable(),
})

/** A payment provider over HTTP, with or without keys, with or without look-up. */
export class Provider {
  readonly books = new Books()
  readonly #server = createServer((request, response) => void this.#serve(request, response))
  readonly #scripts: (Script & { left: number })[] = []
  /** How often a script played. */
  played = 0
  /** Calls of the model, by run key. */
  readonly thoughts = new Map<string, number>()

  async start(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  script(script: Script): void {
    this.#scripts.push({ ...script, left: script.times })
  }

  clear(): void {
    this.#scripts.length = 0
  }

  #turnFor(verb: Script['verb'], via: string): Script | undefined {
    const found = this.#scripts.find((one) => one.verb === verb && (one.via ?? via) === via && one.left > 0)
    if (found === undefined) return undefined
    found.left -= 1
    this.played += 1
    return found
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://provider')
    const body = await text(request).catch(() => undefined)
    // The caller died while it was still asking.
    if (body === undefined) return
    const [, what = '', id = ''] = url.pathname.split('/')
    if (what === 'operations' && request.method === 'POST') return await this.#do(body, response)
    if (what === 'operations') return await this.#find(url.searchParams.get('reference') ?? '', response)
    if (what === 'reversals') return await this.#reverse(id, response)
    if (what === 'thoughts') {
      this.thoughts.set(id, (this.thoughts.get(id) ?? 0) + 1)
      return answer(response, 200, { text: 'done' })
    }
    if (what === 'accounts') {
      const padding = 'x'.repeat(Number(url.searchParams.get('padding') ?? 0))
      return answer(response, 200, { account: id, cents: this.books.balance(id), padding })
    }
    answer(response, 404, { error: `there is no ${url.pathname}` })
  }

  async #do(body: string, response: ServerResponse): Promise<void> {
    const order = orderSchema.parse(JSON.parse(body))
    const turn = this.#turnFor('do', order.via)
    if (turn?.turn === 'refuse') return answer(response, 503, { error: 'come back later' })
    if (turn?.turn === 'slow') {
      await delay(turn.ms)
      if (response.destroyed) return
    }
    const known = this.books.known(order.key)
    if (known !== undefined) {
      known.asked += 1
      if (known.body !== body) return answer(response, 422, { error: 'the key was used for something else' })
      return await finish(response, turn, outcomeOf(known))
    }
    if (this.books.isStopped(order.runKey, order.step)) return answer(response, 409, { error: 'payment was stopped' })
    await finish(response, turn, outcomeOf(this.books.apply({ ...order, body })))
  }

  async #find(reference: string, response: ServerResponse): Promise<void> {
    const found = this.books.find(reference)
    if (found !== undefined) found.asked += 1
    const turn = this.#turnFor('find', found?.via ?? 'probe')
    if (turn?.turn === 'refuse') return answer(response, 503, { error: 'come back later' })
    await finish(response, turn, { found: found === undefined ? null : outcomeOf(found) })
  }

  async #reverse(id: string, response: ServerResponse): Promise<void> {
    const via = this.books.operations.find((one) => one.id === id)?.via ?? ''
    const turn = this.#turnFor('reverse', via)
    if (turn?.turn === 'refuse') return answer(response, 503, { error: 'come back later' })
    const done = this.books.reverse(id, 'tool')
    if (done === 'unknown') return answer(response, 404, { error: `there is no operation ${id}` })
    await finish(response, turn, { done })
  }
}

const outcomeOf = ({ id, account, cents }: Operation) => ({ operation: id, account, cents })

/** Answers what was done, as the script has it. */
async function finish(response: ServerResponse, script: Script | undefined, value: object): Promise<void> {
  if (script?.turn === 'lost') return void response.destroy()
  if (script?.turn === 'error') return answer(response, 500, { error: 'something broke' })
  if (script?.turn === 'late') await delay(script.ms)
  answer(response, 200, value)
}

function answer(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(value))
}
