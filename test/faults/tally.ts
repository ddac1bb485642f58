/** What the oracle counted; after Jepsen's `total-queue`, of effects. */
export class Tally {
  runs = 0
  /** Starts that no answer came to before the deadline. */
  refusedStarts = 0
  /** Effects that the runs speak of. */
  attempted = 0
  /** Of these, the ones that the runs say happened. */
  acknowledged = 0
  /** Acknowledged, and in no system of record. */
  lost = 0
  /** In a system of record, and without a warrant or a person's word that it takes. */
  unexpected = 0
  /** More than once in a system of record. */
  duplicated = 0
  /** Acknowledged, and took more than one attempt. */
  recovered = 0
  /** Closed, and not to be replayed: what the run came to stands, and no query is answered any more. */
  unreadable = 0
  /** Waited for a person, who looked and put it right. */
  parked = 0
  readonly ends = new Map<string, number>()
  readonly violations: string[] = []
  /** Cents that have to stand on each account, as the runs and their warrants say. */
  readonly expected = new Map<string, number>()

  violate(run: string, what: string): void {
    this.violations.push(`${run}: ${what}`)
  }

  ended(state: string): void {
    this.ends.set(state, (this.ends.get(state) ?? 0) + 1)
  }

  expect({ account, cents }: { readonly account: string; readonly cents: number }): void {
    this.expected.set(account, (this.expected.get(account) ?? 0) + cents)
  }

  add(other: Tally): void {
    for (const name of COUNTS) this[name] += other[name]
    for (const [state, count] of other.ends) this.ends.set(state, (this.ends.get(state) ?? 0) + count)
    for (const [account, cents] of other.expected) this.expect({ account, cents })
    this.violations.push(...other.violations)
  }
}

export const COUNTS = [
  'runs',
  'refusedStarts',
  'attempted',
  'acknowledged',
  'lost',
  'unexpected',
  'duplicated',
  'recovered',
  'parked',
  'unreadable',
] as const
