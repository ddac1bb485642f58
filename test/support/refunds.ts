import { randomUUID } from 'node:crypto'
import type { SampleOrder } from '../../activities/records/sample.ts'
import type { Answer, PendingApproval, RunHandle, RunResult } from '../../src/client/index.ts'
import { digestOf } from '../../src/contract/digest.ts'
import { codeOf } from '../../src/contract/failures.ts'
import type { Json } from '../../src/contract/json.ts'
import type { StartOptions } from '../../src/client/index.ts'
import { approvalBy, said } from './people.ts'
import { newOrder, type OrderOptions } from './orders.ts'
import { until, type World } from './world.ts'

/** A refund request under way, and the order that it is about. */
export interface Refund {
  readonly run: RunHandle
  readonly order: SampleOrder
}

export type PrincipalClaim = NonNullable<StartOptions['principal']>
export const REQUESTER: PrincipalClaim = { subject: 'ana@acme.example', workspace: 'acme' }
export const APPROVER = 'ben@acme.example'

/** Starts a refund request of an order of its own. Default message: it is broken, all of it back. */
export async function startRefund(
  world: World,
  options: OrderOptions & { readonly message?: string; readonly principal?: PrincipalClaim } = {},
): Promise<Refund> {
  const order = await newOrder(world.databaseUrl, options)
  const { message = `It arrived broken, please refund $${(order.amountCents / 100).toFixed(2)}.` } = options
  const run = await world.client.start(
    'refund_request',
    { orderId: order.orderId, ticketId: order.ticketId, message },
    { principal: options.principal ?? REQUESTER, workflowId: `refund-${randomUUID()}` },
  )
  return { run, order }
}

/** The start message of a refund as another client sends it: signed by hand. */
export function startMessageOf(
  workflowId: string,
  request: Json,
  { subject = 'ana@acme.example', workspace = 'acme' }: PrincipalClaim = REQUESTER,
  playbook = 'refund_request',
) {
  const about = { kind: 'start', workflowId, playbook, requestDigest: digestOf(request), workspace } as const
  return { request, statement: said(about, subject, workspace) as unknown as Json }
}

type Waiting<A extends PendingApproval['about']> = Extract<PendingApproval, { readonly about: A }>

/** The question that a run waits with; `except` is the digest of one that was shown before. */
const questionOf = <A extends PendingApproval['about']>(about: A, run: RunHandle, except?: string) =>
  until(`a question of ${run.workflowId} about an ${about}`, async () => {
    const [pending] = (await run.status()).pending
    return pending?.about !== about || pending.actionDigest === except ? undefined : (pending as Waiting<A>)
  })
export const pendingOf = (run: RunHandle, except?: string) => questionOf('action', run, except)
export const pendingLimitOf = (run: RunHandle, except?: string) => questionOf('limit', run, except)

/** What somebody else than the requester sends to approve. */
export const approvalOf = ({ step, actionDigest }: PendingApproval, by = APPROVER) =>
  ({ step, decision: 'approve', by, actionDigest }) as const

/** The same as another client sends it: signed by hand. */
export const signedApprovalOf = (pending: PendingApproval, by = APPROVER, workspace = 'acme') => {
  const { step, actionDigest } = pending
  const runKey = (pending.about === 'action' ? pending.action : pending.raise).runKey
  const { statement } = approvalBy(by, { runKey, step, actionDigest }, workspace)
  return { step, decision: 'approve', actionDigest, statement } as const
}

/** Sends something by Temporal's own client, as it is. */
export const sendRaw = (world: World, run: RunHandle, name: 'decide' | 'undo' | 'resolve', message: unknown) =>
  world.temporal.workflow.getHandle(run.workflowId).executeUpdate<Answer, [unknown]>(name, { args: [message] })

/** The result of a run as soon as it shows one: it may still be open for its undo window. */
export const shownResult = (run: RunHandle): Promise<RunResult> =>
  until(`the result of ${run.workflowId}`, async () => (await run.status()).result ?? undefined)

/** What a refused or failed call says: its code. */
export const codeOfAnswer = (asked: Promise<Answer>): Promise<string | undefined> =>
  asked.then((answer) => (answer.accepted ? 'accepted' : answer.code), codeOf)
