import type { Stage } from './stage.ts'
import type { Tally } from './tally.ts'

/** What stands on every account, at the provider and in PostgreSQL together, and on every payment. */
async function standing(stage: Stage): Promise<ReadonlyMap<string, number>> {
  const sums = new Map<string, number>()
  const add = (account: string, cents: number): void => void sums.set(account, (sums.get(account) ?? 0) + cents)
  for (const account of new Set(stage.provider.books.operations.map((one) => one.account))) {
    add(account, stage.provider.books.balance(account))
  }
  const entries = await stage.servers.query<{ account: string; cents: number }>(
    'SELECT account, sum(cents)::int AS cents FROM faults.entries WHERE reversals = 0 GROUP BY account',
  )
  const payments = await stage.servers.query<{ account: string; cents: number }>(
    'SELECT id AS account, refunded_cents AS cents FROM records.payments WHERE refunded_cents <> 0',
  )
  for (const { account, cents } of [...entries, ...payments]) add(account, cents)
  return sums
}

/** Whether the balances add up: each account holds what the ends of all runs say, and not a cent more or less. */
export async function judgeBalances(stage: Stage, tally: Tally): Promise<void> {
  const found = await standing(stage)
  for (const account of new Set([...found.keys(), ...tally.expected.keys()])) {
    const has = found.get(account) ?? 0
    const should = tally.expected.get(account) ?? 0
    if (has !== should) tally.violate(account, `it holds ${has} cents, and the runs account for ${should}`)
  }
}
