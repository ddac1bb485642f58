import { Context } from '@temporalio/activity'
import { ApplicationFailure } from '@temporalio/common'
import { sql } from 'kysely'
import { billingTools } from '../activities/billing/index.ts'
import { crmTools } from '../activities/crm/index.ts'
import { helpdeskTools } from '../activities/helpdesk/index.ts'
import { claimByRules } from '../activities/model/index.ts'
import type { LedgerDatabase } from '../src/ledger/database.ts'
import type {
  ReadImplementation,
  ToolCall,
  ToolImplementation,
  WriteImplementation,
} from '../src/tools/implementation.ts'
import type { RefundInput, ReplyInput } from './workflows/activities.ts'

const named = (tools: readonly ToolImplementation[], name: string): ToolImplementation => {
  const found = tools.find(({ contract }) => contract.name === name)
  if (found === undefined) throw new Error(`there is no tool ${name}`)
  return found
}

const getOrder = named(billingTools, 'billing.getOrder') as ReadImplementation
const getCustomer = named(crmTools, 'crm.getCustomer') as ReadImplementation
const refund = named(billingTools, 'billing.refund') as WriteImplementation
const reply = named(helpdeskTools, 'helpdesk.reply') as WriteImplementation

/** The same systems of record, with the same statements, as the governed playbook has. */
function callOn(db: LedgerDatabase): ToolCall {
  const { info, cancellationSignal: signal } = Context.current()
  const workflowId = info.workflowExecution?.workflowId ?? ''
  const step = info.activityId
  return {
    runKey: `${workflowId}/bench`,
    step,
    idempotencyKey: `${workflowId}/${info.activityType}`,
    signal,
    heartbeat: () => {},
    db: db as unknown as ToolCall['db'],
  }
}

const writing = (call: ToolCall) => ({
  ...call,
  expect: {},
  principal: { subject: 'bench', kind: 'service' as const, workspace: 'bench', proof: 'unauthenticated' as const },
})

const inTransaction = <T>(db: LedgerDatabase, run: (tx: LedgerDatabase) => Promise<T>): Promise<T> =>
  db.transaction().execute((tx) => run(tx))

/** Five ordinary activities, as one writes them without thinking of tomorrow. */
export const plainActivities = (db: LedgerDatabase) => ({
  lookupOrder: (orderId: string) => getOrder.execute({ orderId }, callOn(db)),
  lookupCustomer: (customerId: string) => getCustomer.execute({ customerId }, callOn(db)),
  classify: (message: string, order: Parameters<typeof claimByRules>[0]['order']) =>
    Promise.resolve(claimByRules({ message, order })),
  refund: (input: RefundInput) => inTransaction(db, (tx) => refund.execute(input, writing(callOn(tx)))),
  notify: (input: ReplyInput) => inTransaction(db, (tx) => reply.execute(input, writing(callOn(tx)))),
})

/** One effect for a key: its row commits with the effect, and a second attempt gets what the first came to. */
async function once<T>(tx: LedgerDatabase, key: string, effect: () => Promise<T>): Promise<T> {
  const claimed =
    await sql`INSERT INTO bench.effects (key) VALUES (${key}) ON CONFLICT DO NOTHING RETURNING key`.execute(tx)
  if (claimed.rows.length === 0) {
    const { rows } = await sql<{ result: T }>`SELECT result FROM bench.effects WHERE key = ${key}`.execute(tx)
    const [known] = rows
    if (known === undefined) throw ApplicationFailure.retryable(`${key} is in flight`)
    return known.result
  }
  const result = await effect()
  await sql`UPDATE bench.effects SET result = ${JSON.stringify(result)}, done_at = clock_timestamp() WHERE key = ${key}`.execute(
    tx,
  )
  return result
}

/** The same five, with what a careful team adds by hand: an idempotency row, and an undo for each write. */
export const byHandActivities = (db: LedgerDatabase) => {
  const { lookupOrder, lookupCustomer, classify } = plainActivities(db)
  const write = (how: WriteImplementation, input: unknown): Promise<unknown> =>
    inTransaction(db, (tx) => {
      const call = callOn(tx)
      return once(tx, call.idempotencyKey, () => how.execute(input, writing(call)))
    })
  const undo = (how: WriteImplementation, input: unknown, output: unknown): Promise<string> =>
    inTransaction(db, (tx) => {
      const call = callOn(tx)
      return once(tx, call.idempotencyKey, async () => (await how.undo?.(input, output, call)) ?? 'nothing to undo')
    })
  return {
    lookupOrder,
    lookupCustomer,
    classify,
    refundOnce: (input: RefundInput) => write(refund, input),
    notifyOnce: (input: ReplyInput) => write(reply, input),
    undoRefund: (input: RefundInput, output: unknown) => undo(refund, input, output),
    undoNotify: (input: ReplyInput, output: unknown) => undo(reply, input, output),
  }
}
