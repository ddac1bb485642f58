/** Gathers what is asked for at one moment into one question. The answer of each is made on its own, so that one fails alone. */
export class Batch<K, V> {
  readonly #ask: (keys: readonly K[]) => Promise<(key: K) => V | Promise<V>>
  #waiting = new Map<K, Promise<V>>()
  #answer: Promise<(key: K) => V | Promise<V>> | undefined

  constructor(ask: (keys: readonly K[]) => Promise<(key: K) => V | Promise<V>>) {
    this.#ask = ask
  }

  async get(key: K): Promise<V> {
    const waiting = this.#waiting.get(key) ?? this.#next().then((answer) => answer(key))
    this.#waiting.set(key, waiting)
    return await waiting
  }

  async #next(): Promise<(key: K) => V | Promise<V>> {
    this.#answer ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        const keys = [...this.#waiting.keys()]
        this.#waiting = new Map()
        this.#answer = undefined
        this.#ask(keys).then(resolve, reject)
      })
    })
    return await this.#answer
  }
}
