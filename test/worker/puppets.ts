import type { WorkflowHandle } from '@temporalio/client'
import { randomUUID } from 'node:crypto'
import { getOrder, refund } from '../../activities/billing/contract.ts'
import { getCustomer } from '../../activities/crm/contract.ts'
import type { SampleOrder } from '../../activities/records/sample.ts'
import { type Evidence, type RunKey, runKeyOf, type StepResult } from '../../src/contract/evidence.ts'
import type { Json } from '../../src/contract/json.ts'
import { usd } from '../../src/contract/money.ts'
import { WIRE } from '../../src/contract/wire.ts'
import { effectsOf } from '../../src/ledger/effects.ts'
import type { Warrant } from '../../src/contract/action.ts'
import { useStatement } from '../../src/ledger/statements.ts'
import type { OpenedRun } from '../../src/policy/types.ts'
import { newOrder, type OrderOptions } from '../support/orders.ts'
import { startMessageOf } from '../support/refunds.ts'
import type { World } from '../support/world.ts'
import { type Call, tell, type Told } from './puppet.ts'
import type { Wanted } from './warrants.ts'

/** A workflow that calls what it is told to call. */
export interface Puppet {
  readonly workflowId: string
  readonly runKey: RunKey
  readonly call: (type: string, argument: unknown, how?: Omit<Call, 'type' | 'args'>) => Promise<Told>
  readonly callWith: (type: string, args: readonly unknown[], how?: Omit<Call, 'type' | 'args'>) => Promise<Told>
}

/** Starts a puppet of a workflow type; it goes with the server. */
export async function startPuppet(
  { temporal }: Pick<World, 'temporal'>,
  type: string,
  how: { readonly taskQueue: string; readonly args?: readonly unknown[]; readonly workflowId?: string },
): Promise<Puppet> {
  const { taskQueue, args = [], workflowId = `puppet-${randomUUID()}` } = how
  const handle: WorkflowHandle & { readonly firstExecutionRunId: string } = await temporal.workflow.start(type, {
    workflowId,
    taskQueue,
    args: [...args],
  })
  const callWith: Puppet['callWith'] = (activity, given, more = {}) =>
    handle.executeUpdate(tell, { args: [{ type: activity, args: given, ...more }] })
  return {
    workflowId,
    runKey: runKeyOf(workflowId, handle.firstExecutionRunId),
    callWith,
    call: (activity, argument, more) => callWith(activity, [argument], more),
  }
}

/** The start of a refund of this order, signed by hand. */
export const startOfRefund = (workflowId: string, { orderId, ticketId }: SampleOrder) =>
  startMessageOf(workflowId, { orderId, ticketId, message: 'puppet' })

/** A puppet of a registered type on the worker's own task queue, with an order of its own. */
export async function registeredPuppet(
  world: World,
  options: OrderOptions & { readonly workflowId?: string } = {},
): Promise<{ readonly puppet: Puppet; readonly order: SampleOrder }> {
  const order = await newOrder(world.databaseUrl, options)
  const { taskQueue } = world
  const { workflowId = `puppet-${randomUUID()}` } = options
  const args = [startOfRefund(workflowId, order)]
  return { puppet: await startPuppet(world, 'refund_request', { taskQueue, args, workflowId }), order }
}

const resultOf = (told: Told): unknown => {
  if (told.ok) return told.result
  throw new Error(`the puppet was refused: ${told.code}: ${told.message}`)
}

/** Lets a puppet open its run and read what a refund needs, as a kernel does: the refund that it may then ask for. */
export async function openedRefund(puppet: Puppet, order: SampleOrder): Promise<Wanted> {
  const { runKey, workflowId } = puppet
  const open = { runKey, start: startOfRefund(workflowId, order) }
  const { principal, policy, policyDigest } = resultOf(await puppet.call(WIRE.activities.openRun, open)) as OpenedRun
  const read = async (type: string, input: Json): Promise<Evidence> => {
    const step = `${type}-1`
    const { output, receipt } = resultOf(await puppet.call(type, { runKey, step, input }, { id: step })) as StepResult
    return { output, receipt }
  }
  return {
    runKey,
    workflowType: 'refund_request',
    step: 'billing.refund-1',
    tool: refund,
    input: {
      paymentId: order.paymentId,
      amount: { ...usd(order.amountCents) },
      reason: 'broken',
      ticketId: order.ticketId,
    },
    evidence: [
      await read(getOrder.name, { orderId: order.orderId }),
      await read(getCustomer.name, { customerId: order.customerId }),
    ],
    principal,
    policy,
    policyDigest,
  }
}

/** What the ledger says of the steps of a run. */
export const ledgerOf = async ({ db }: World, runKey: RunKey): Promise<readonly string[]> =>
  (await effectsOf(db, runKey)).map(({ step, state }) => `${step}: ${state}`)

/** A warrant whose approvals a host has heard. */
export async function heard({ db }: Pick<World, 'db'>, warrant: Warrant): Promise<Warrant> {
  for (const { statement } of warrant.approvals) {
    await useStatement(db, statement, warrant.runKey)
  }
  return warrant
}
