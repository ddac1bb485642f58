import { connect, createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'

/** `to`: what goes to the server; `from`: what comes back. */
export type Direction = 'to' | 'from'

/** A TCP proxy before a server, which can be cut, slowed down or closed, each way by itself. */
export class Proxy {
  readonly #target: number
  #server: Server | undefined
  #port = 0
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  /** Bytes of this direction vanish, and the connections stay open. */
  readonly #cut = new Set<Direction>()
  readonly #latencyMs = new Map<Direction, number>()

  constructor(target: number) {
    this.#target = target
  }

  get port(): number {
    return this.#port
  }

  async start(): Promise<void> {
    const server = createServer((client) => this.#accept(client))
    this.#server = server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#port, '127.0.0.1', resolve)
    })
    this.#port = (server.address() as AddressInfo).port
  }

  /** No connection is taken any more, and those that were are reset: whoever calls is refused. */
  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    this.reset()
    if (server !== undefined) await new Promise((resolve) => server.close(resolve))
  }

  reset(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy()
    this.#pairs.clear()
  }

  cut(direction: Direction): void {
    this.#cut.add(direction)
  }

  slow(direction: Direction, ms: number): void {
    this.#latencyMs.set(direction, ms)
  }

  /** As if nothing had been. What vanished is not sent again, so connections that were cut are reset. */
  async heal(): Promise<void> {
    if (this.#cut.size > 0) this.reset()
    this.#cut.clear()
    this.#latencyMs.clear()
    if (this.#server === undefined) await this.start()
  }

  #accept(client: Socket): void {
    const server = connect(this.#target, '127.0.0.1')
    const pair = [client, server] as const
    this.#pairs.add(pair)
    this.#pipe(client, server, 'to')
    this.#pipe(server, client, 'from')
    const over = (): void => {
      this.#pairs.delete(pair)
      for (const socket of pair) socket.destroy()
    }
    for (const socket of pair) {
      socket.setNoDelay(true)
      socket.on('error', over)
      socket.on('close', over)
    }
  }

  #pipe(from: Socket, to: Socket, direction: Direction): void {
    // One after the other, so that what is slowed down keeps its order.
    let last = Promise.resolve()
    let waiting = 0
    from.on('data', (chunk) => {
      if (this.#cut.has(direction)) return
      const ms = this.#latencyMs.get(direction) ?? 0
      if (ms === 0 && waiting === 0) return void to.write(chunk)
      const due = new Promise<void>((resolve) => setTimeout(resolve, ms))
      waiting += 1
      last = last.then(async () => {
        await due
        waiting -= 1
        to.write(chunk)
      })
    })
  }
}
