import { BRIEF_MS } from './project/contracts.ts'

/** An operation that the provider did. */
export interface Operation {
  readonly id: string
  readonly via: string
  readonly account: string
  readonly cents: number
  /** Whose it is, for the oracle alone: the provider's answers do not depend on it. */
  readonly runKey: string
  readonly step: string
  /** As the caller sent them; a reference can be asked for, a key is heeded. */
  readonly key: string | null
  readonly reference: string | null
  /** When it was done; milliseconds since 1970. */
  readonly at: number
  /** The request, byte for byte. */
  readonly body: string
  /** How often it was asked for: by the same key, or found by its reference. */
  asked: number
  /** By whom it was reversed; `null`: it stands. */
  reversedBy: 'tool' | 'operator' | null
  /** How often somebody asked for its reversal. */
  reversals: number
}

/** What was asked for, as the caller sent it. */
export type Order = Pick<Operation, 'via' | 'account' | 'cents' | 'runKey' | 'step' | 'key' | 'reference' | 'body'>

/** The provider's books: the system of record that the suite judges by. They live as long as the suite does. */
export class Books {
  readonly operations: Operation[] = []
  readonly #balances = new Map<string, number>()
  /** What each key was used for. */
  readonly #keys = new Map<string, Operation>()
  /** References that an operator had blocked. */
  readonly #stopped = new Set<string>()

  balance = (account: string): number => this.#balances.get(account) ?? 0

  of = (runKey: string, step?: string): readonly Operation[] =>
    this.operations.filter((one) => one.runKey === runKey && (step === undefined || one.step === step))

  /** What a key is known for, as long as the provider remembers it. */
  known(key: string | null): Operation | undefined {
    const made = key === null ? undefined : this.#keys.get(key)
    if (made === undefined) return undefined
    return made.via === 'brief' && Date.now() - made.at > BRIEF_MS ? undefined : made
  }

  find = (reference: string): Operation | undefined => this.operations.find((one) => one.reference === reference)

  /** Does it, however often it was done before: what keeps it from that is the caller's business. */
  apply(order: Order): Operation {
    const id = `op_${this.operations.length + 1}`
    const made: Operation = { ...order, id, at: Date.now(), asked: 1, reversedBy: null, reversals: 0 }
    this.operations.push(made)
    if (order.key !== null) this.#keys.set(order.key, made)
    this.#add(order.account, order.cents)
    return made
  }

  /** Takes an operation back, once. */
  reverse(id: string, by: 'tool' | 'operator'): 'reversed' | 'reversed before' | 'unknown' {
    const made = this.operations.find((one) => one.id === id)
    if (made === undefined) return 'unknown'
    made.reversals += 1
    if (made.reversedBy !== null) return 'reversed before'
    made.reversedBy = by
    this.#add(made.account, -made.cents)
    return 'reversed'
  }

  /** An operator has the provider stop whatever of a step is still to come. */
  stop(runKey: string, step: string): void {
    this.#stopped.add(`${runKey}/${step}`)
  }

  isStopped = (runKey: string, step: string): boolean => this.#stopped.has(`${runKey}/${step}`)

  #add(account: string, cents: number): void {
    this.#balances.set(account, this.balance(account) + cents)
  }
}
