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
import type { PlainActivities, RefundInput, ReplyInput } from './workflows/activities.ts'

const named = (tools: readonly ToolImplementation[], name: string): ToolImplementation => {
  const found = tools.find(({ contract }) => contract.name === name)
  if (found === undefined) throw new Error(`there is no tool ${name}`)
  return found
}

const getOrder = named(billingTools, 'billing.getOrder') as ReadImplementation
const getCustomer = named(crmTools, 'crm.getCustomer') as ReadImplementation
export const refund = named(billingTools, 'billing.refund') as WriteImplementation
export const reply = named(helpdeskTools, 'helpdesk.reply') as WriteImplementation

/** Where a step runs, as its engine tells it. */
export type Place = Pick<ToolCall, 'runKey' | 'step' | 'idempotencyKey' | 'signal'>

export const callOn = (db: LedgerDatabase, place: Place): ToolCall => ({
  ...place,
  credential: () => 'none',
  secret: () => Promise.reject(new Error('there is none')),
  fetch,
  heartbeat: () => {},
  db: db as unknown as ToolCall['db'],
})

export const writing = (call: ToolCall) => ({
  ...call,
  expect: {},
  principal: {
    subject: 'bench',
    issuer: 'bench',
    kind: 'service' as const,
    workspace: 'bench',
    scopes: [],
    assurance: {},
    development: true,
  },
})

export const inTransaction = <T>(db: LedgerDatabase, run: (tx: LedgerDatabase) => Promise<T>): Promise<T> =>
  db.transaction().execute((tx) => run(tx))

/**
 * Five ordinary steps, as one writes them without thinking of tomorrow: on the same systems of record and with the same
 * statements as the governed playbook. `here` tells the place of the step of that name.
 */
export function plainSteps(db: LedgerDatabase, here: (name: string) => Place): PlainActivities {
  const read = (how: ReadImplementation, input: unknown, name: string): Promise<unknown> =>
    how.execute(input, callOn(db, here(name)))
  const write = (how: WriteImplementation, input: unknown, name: string): Promise<unknown> =>
    inTransaction(db, (tx) => how.execute(input, writing(callOn(tx, here(name)))))
  const steps = {
    lookupOrder: (orderId: string) => read(getOrder, { orderId }, 'lookupOrder'),
    lookupCustomer: (customerId: string) => read(getCustomer, { customerId }, 'lookupCustomer'),
    classify: (message: string, order: Parameters<typeof claimByRules>[0]['order']) =>
      Promise.resolve(claimByRules({ message, order })),
    refund: (input: RefundInput) => write(refund, input, 'refund'),
    notify: (input: ReplyInput) => write(reply, input, 'notify'),
  }
  // The tools are found by name here, so what they return is known to their contracts and not to the compiler.
  return steps as unknown as PlainActivities
}
