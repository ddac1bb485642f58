import type { Case } from './person.ts'
import type { Stage } from './stage.ts'
import { textIn } from './text-in.ts'

/** Money that moved for a step, as a system of record has it. */
export interface Moved {
  readonly runKey: string
  readonly step: string
  readonly account: string
  readonly cents: number
  /** How often a tool took it back, and whether it stands now. */
  readonly undone: number
  readonly stands: boolean
}

/** What all systems of record have of some runs: the provider's books, the transfers and the refunds in PostgreSQL. */
export async function movedFor(stage: Stage, cases: readonly Case[]): Promise<readonly Moved[]> {
  const keys = cases.map(({ runKey }) => runKey)
  return [...movedAtProvider(stage, keys), ...(await entries(stage, keys)), ...(await refunds(stage, cases))]
}

function movedAtProvider(stage: Stage, keys: readonly string[]): readonly Moved[] {
  return stage.provider.books.operations
    .filter(({ runKey }) => keys.includes(runKey))
    .map(({ runKey, step, account, cents, reversedBy }) => ({
      runKey,
      step,
      account,
      cents,
      undone: reversedBy === 'tool' ? 1 : 0,
      stands: reversedBy === null,
    }))
}

async function entries(stage: Stage, keys: readonly string[]): Promise<readonly Moved[]> {
  const rows = await stage.servers.query<{
    run_key: string
    step: string
    account: string
    cents: number
    reversals: number
  }>('SELECT run_key, step, account, cents, reversals FROM faults.entries WHERE run_key = ANY($1)', [keys])
  return rows.map(({ run_key: runKey, step, account, cents, reversals }) => ({
    runKey,
    step,
    account,
    cents,
    undone: reversals,
    stands: reversals === 0,
  }))
}

async function refunds(stage: Stage, cases: readonly Case[]): Promise<readonly Moved[]> {
  const keys = new Map(
    cases
      .filter(({ plan }) => plan.playbook === 'refund_request')
      .map(({ plan, runKey }) => [textIn(plan.request, 'orderId').replace('ord_', 'pay_'), runKey]),
  )
  const rows = await stage.servers.query<{ payment_id: string; amount_cents: number; status: string }>(
    'SELECT payment_id, amount_cents, status FROM records.refunds WHERE payment_id = ANY($1)',
    [[...keys.keys()]],
  )
  return rows.map(({ payment_id: account, amount_cents: cents, status }) => ({
    runKey: keys.get(account) ?? '',
    step: 'billing.refund-1',
    account,
    cents,
    undone: status === 'voided' ? 1 : 0,
    stands: status !== 'voided',
  }))
}
