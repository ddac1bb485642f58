import type { LedgerDatabase } from '../../src/ledger/database.ts'
import { plainSteps } from '../steps.ts'
import type { PlainActivities } from '../workflows/activities.ts'

/** A function that runs once and whose result lasts: a DBOS step, a Restate `ctx.run`. */
export type DurableStep = <T>(name: string, run: () => Promise<T>) => Promise<T>

const NEVER = new AbortController().signal

/** The steps of the plain variant of one run, each made to last by the engine. */
export function durableSteps(db: LedgerDatabase, workflowId: string, step: DurableStep): PlainActivities {
  const steps = plainSteps(db, (name) => ({
    runKey: `${workflowId}/bench`,
    step: name,
    idempotencyKey: `${workflowId}/${name}`,
    signal: NEVER,
  }))
  return {
    lookupOrder: (orderId) => step('lookupOrder', () => steps.lookupOrder(orderId)),
    lookupCustomer: (customerId) => step('lookupCustomer', () => steps.lookupCustomer(customerId)),
    classify: (message, order) => step('classify', () => steps.classify(message, order)),
    refund: (input) => step('refund', () => steps.refund(input)),
    notify: (input) => step('notify', () => steps.notify(input)),
  }
}
