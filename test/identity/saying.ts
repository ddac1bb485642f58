import { digestOf, digestOfText } from '../../src/contract/digest.ts'
import { runKeyOf } from '../../src/contract/evidence.ts'
import type { About, AboutKind, Identity, Use } from '../../src/contract/statement.ts'
import { type HostKey, hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import type { IssuerKey } from '../../src/ledger/issuer-keys.ts'

export const WORKSPACE = 'acme'
const runKey = runKeyOf('refund-1', 'run-1')
const action = digestOf({ tool: 'billing.refund', input: { cents: 12_000 } })

/** One thing of each kind that can be said. */
export const ABOUTS: { readonly [Kind in AboutKind]: Extract<About, { kind: Kind }> } = {
  start: {
    kind: 'start',
    workflowId: 'refund-1',
    playbook: 'refund_request',
    requestDigest: digestOf({ orderId: 'ord_1042' }),
    workspace: WORKSPACE,
    onBehalfOf: 'cleo@acme.example',
  },
  decide: {
    kind: 'decide',
    runKey,
    step: 'billing.refund-1',
    actionDigest: action,
    decision: 'approve',
    commentDigest: digestOfText('as promised'),
  },
  undo: { kind: 'undo', runKey, whyDigest: digestOfText('the wrong order') },
  resolve: {
    kind: 'resolve',
    runKey,
    step: 'billing.refund-1',
    resolution: 'settled',
    commentDigest: digestOfText('looked at the bank'),
  },
  stop: { kind: 'stop', scope: 'tool', name: 'billing.refund', whyDigest: digestOfText('too many') },
  delegate: {
    kind: 'delegate',
    to: 'dora@acme.example',
    group: 'refund-approvers',
    until: '2027-01-01T00:00:00.000Z',
  },
  resume: { kind: 'resume', scope: 'tool', name: 'billing.refund', whyDigest: digestOfText('mended') },
}
export const KINDS = Object.keys(ABOUTS) as readonly AboutKind[]

export const ben: Identity = {
  subject: 'ben@acme.example',
  issuer: 'https://login.acme.example',
  kind: 'user',
  groups: ['finance', 'support'],
  scopes: ['refunds:write'],
  workspace: WORKSPACE,
  assurance: { acr: 'urn:mfa', amr: ['otp', 'pwd'], authTime: '2026-11-26T09:00:00.000Z' },
  development: false,
}

export const useOf = (about: About): Use => ({ about, workspace: WORKSPACE })

/** A key and what the ledger would have of it. */
export function newKey(over: Partial<IssuerKey> = {}): { readonly key: HostKey; readonly published: IssuerKey } {
  const key = hostKeyOf(newHostKey())
  const published: IssuerKey = {
    keyId: key.keyId,
    publicKey: key.publicKey,
    issuer: 'gateway',
    development: false,
    validFrom: new Date(0),
    validTo: null,
    revokedAt: null,
    compromisedAt: null,
    ...over,
  }
  return { key, published }
}
