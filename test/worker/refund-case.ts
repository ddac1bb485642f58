import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getOrder, refund } from '../../activities/billing/contract.ts'
import { getCustomer } from '../../activities/crm/contract.ts'
import { reply } from '../../activities/helpdesk/contract.ts'
import { inputDigestOf, type Warrant } from '../../src/contract/action.ts'
import { type Digest, digestOf, digestOfText } from '../../src/contract/digest.ts'
import type { Evidence, EvidenceKind, Receipt } from '../../src/contract/evidence.ts'
import { codeOf, failureOf } from '../../src/contract/failures.ts'
import type { Json, JsonObject } from '../../src/contract/json.ts'
import { usd } from '../../src/contract/money.ts'
import type { PlaybookContract } from '../../src/contract/playbook.ts'
import type { WriteTool } from '../../src/contract/tool.ts'
import { hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import { signReceipt } from '../../src/identity/receipts.ts'
import type { RunRow } from '../../src/ledger/runs.ts'
import { parsePolicy } from '../../src/policy/load/index.ts'
import type { Policy } from '../../src/policy/types.ts'
import { checkPlace, checkWarrant, type GuardStores } from '../../src/worker/guard.ts'
import { refundRequest } from '../../workflows/refund-request.ts'
import { CREDULOUS, principalNamed, startOf } from '../support/people.ts'
import { issue, type Lies, type Wanted } from './warrants.ts'

export const HOST = hostKeyOf(newHostKey())
export const STRANGER = hostKeyOf(newHostKey())
export const WORKFLOW_ID = 'refund-1042'
export const RUN_ID = '019a0000-0000-7000-8000-000000000001'
const RUN_KEY = `${WORKFLOW_ID}/${RUN_ID}` as const
export const PRINCIPAL = principalNamed('Ana@acme.example', 'acme', { onBehalfOf: 'cleo@shop.example' })
/** Money as JSON. */
export const dollars = (cents: number) => ({ ...usd(cents) })

const ORDER = {
  id: 'ord_1042',
  customerId: 'cus_7',
  paymentId: 'pay_1042',
  status: 'delivered',
  placedAt: '2026-10-01T09:00:00Z',
  total: dollars(20_000),
  captured: dollars(20_000),
  refundable: dollars(20_000),
  lines: [],
  parcels: [],
  tickets: ['tkt_1042'],
}
const CUSTOMER = { id: 'cus_7', name: 'Cleo', email: 'cleo@shop.example', tier: 'standard' }

const text = readFileSync(join(import.meta.dirname, '..', '..', 'policies', 'refund-request.yaml'), 'utf8')
const parsed = (source: string): readonly [Digest, Policy] => {
  const read = parsePolicy(source, digestOfText(source), [refundRequest.contract])
  if (!read.ok) throw new Error('the shipped policy cannot be read')
  return [read.digest, read.policy]
}
const [DIGEST, POLICY] = parsed(text)
/** The same rules without the demand for evidence: another policy, and known to the host as well. */
export const [LAX_DIGEST, LAX_POLICY] = parsed(text.replace('log_level: "evidence"', 'log_level: "standard"'))

/** A result with a receipt; `key` says who signed it. */
export function evidence(tool: string, output: JsonObject, said: Partial<Receipt> = {}, key = HOST): Evidence {
  const kind: EvidenceKind = 'record'
  const statement = { runKey: RUN_KEY, step: `${tool}-1`, tool, inputDigest: inputDigestOf(tool, {}), kind }
  const rest = { outputDigest: digestOf(output), reference: `${tool}/1`, at: '2026-10-01T09:00:00.000Z' }
  const whole = { by: PRINCIPAL.subject, scopes: [], ...statement, ...rest, ...said }
  return { output, receipt: signReceipt(key, whole) }
}
export const orderRead = (change: Partial<Record<keyof typeof ORDER, Json>> = {}, said: Partial<Receipt> = {}) =>
  evidence(getOrder.name, { ...ORDER, ...change }, said)
export const customerRead = (change: Partial<Record<keyof typeof CUSTOMER, Json>> = {}) =>
  evidence(getCustomer.name, { ...CUSTOMER, ...change })
export const claimRead = () => evidence('refund.readClaim', { reason: 'broken' }, { kind: 'model' })

type Place = Parameters<typeof checkPlace>[0]

/** Everything that the guard sees of a write. */
export interface Write {
  readonly place: Place
  readonly playbooks: ReadonlyMap<string, PlaybookContract>
  readonly warrant: Warrant
  readonly tool: WriteTool
  readonly input: Json
  readonly stores: GuardStores
  /** When Temporal scheduled it. */
  readonly scheduledAtMs: number
}

export const inputOf = (cents: number, reason = 'broken') => ({
  paymentId: 'pay_1042',
  amount: dollars(cents),
  reason,
  ticketId: 'tkt_1042',
})

const ISSUED_AT = '2026-10-01T09:00:00.000Z'
const WANTED: Wanted = {
  at: ISSUED_AT,
  runKey: RUN_KEY,
  workflowType: 'refund_request',
  step: 'billing.refund-1',
  tool: refund,
  input: inputOf(12_000),
  evidence: [orderRead(), customerRead(), claimRead()],
  principal: PRINCIPAL,
  policy: POLICY,
  policyDigest: DIGEST,
}
export const ROW: RunRow = {
  runKey: RUN_KEY,
  workflowId: WORKFLOW_ID,
  workflowType: 'refund_request',
  policyDigest: DIGEST,
  candidateDigest: null,
  principal: PRINCIPAL,
  requestDigest: digestOf({}),
  businessKey: null,
  kernelVersion: '0.1.0',
  buildId: 'test',
  statement: startOf(WORKFLOW_ID, PRINCIPAL),
}
const STORES: GuardStores = {
  findRun: async (runKey) => (runKey === RUN_KEY ? ROW : undefined),
  policyOf: async (digest) => new Map([parsed(text), [LAX_DIGEST, LAX_POLICY]]).get(digest),
  verifierOf: async (keyId) => (keyId === HOST.keyId ? HOST.verify : undefined),
  witness: CREDULOUS,
  firstRunIdOf: () => Promise.reject(new Error('the first run of a chain needs no question')),
}
const PLACE: Place = {
  inWorkflow: true,
  isLocal: false,
  workflowType: 'refund_request',
  workflowExecution: { workflowId: WORKFLOW_ID, runId: RUN_ID },
  activityId: 'billing.refund-1',
  activityType: 'billing.refund',
}

/** A refund of $120, approved, as the kernel calls it; or with another wish, and lies about it. */
export function write(wanted: Partial<Wanted> = {}, lies: Lies = {}): Write {
  const what = { ...WANTED, ...wanted }
  const { contract } = refundRequest
  const playbooks = new Map<string, PlaybookContract>([
    [contract.name, contract],
    ['other_request', { ...contract, name: 'other_request' }],
    ['reply_request', { ...contract, name: 'reply_request', tools: [reply] }],
  ])
  const { tool, input } = what
  const scheduledAtMs = Date.parse(ISSUED_AT)
  return { place: PLACE, playbooks, warrant: issue(what, lies), tool, input, stores: STORES, scheduledAtMs }
}

/** Another place, warrant or store for a refund that is good otherwise. */
export const at = (place: Partial<Place>): Write => ({ ...write(), place: { ...PLACE, ...place } })
export const saying = (warrant: Partial<Warrant>): Write => ({
  ...write(),
  warrant: { ...write().warrant, ...warrant },
})
export const knowing = (stores: Partial<GuardStores>, it = write()): Write => ({
  ...it,
  stores: { ...STORES, ...stores },
})

/** A good refund that Temporal schedules so long after its approval. */
export const scheduledAfter = (ms: number): Write => ({ ...write(), scheduledAtMs: Date.parse(ISSUED_AT) + ms })

/** The guard before a write that only counts; what it says, whether it may pass, and how often the write ran. */
export async function guarded({ place, playbooks, warrant, tool, input, stores, scheduledAtMs }: Write) {
  let ran = 0
  try {
    const run = await checkPlace(place, warrant, playbooks, stores)
    await checkWarrant(warrant, tool, input, run, stores, scheduledAtMs)
    ran += 1
    return { code: 'accepted', why: '', final: true, ran }
  } catch (error) {
    const { nonRetryable } = error as { nonRetryable?: boolean }
    return { code: codeOf(error) ?? String(error), why: failureOf(error)?.message, final: nonRetryable, ran }
  }
}
