import { z } from 'zod'
import { actionDigestOf, type Approval, inputDigestOf, undoPathOf, type Warrant } from '../../src/contract/action.ts'
import type { Voice } from '../../src/contract/approving.ts'
import { digestOf, digestOfText } from '../../src/contract/digest.ts'
import { type Evidence, type EvidenceKind, runKeyOf } from '../../src/contract/evidence.ts'
import type { Facts } from '../../src/contract/fact.ts'
import { failureOf } from '../../src/contract/failures.ts'
import type { Json } from '../../src/contract/json.ts'
import type { PlaybookContract } from '../../src/contract/playbook.ts'
import type { Principal } from '../../src/contract/principal.ts'
import { readTool, writeTool } from '../../src/contract/tool.ts'
import { hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import { signReceipt } from '../../src/identity/receipts.ts'
import { signStatement, verifyUse } from '../../src/identity/statements.ts'
import type { IssuerKey } from '../../src/ledger/issuer-keys.ts'
import type { RunRow } from '../../src/ledger/runs.ts'
import { decide } from '../../src/policy/decide/index.ts'
import type { OpenedRun, Policy } from '../../src/policy/types.ts'
import { checkWarrant, type GuardStores } from '../../src/worker/guard.ts'
import { actionOf, type Attempt, judge, type Verdict } from '../../workflows/kernel/judge.ts'
import { pay as payFacts } from './pay-facts.ts'

const retry = { maximumAttempts: 3, initialIntervalMs: 100, maximumIntervalMs: 1000, backoffCoefficient: 2 }
const common = {
  input: z.strictObject({}),
  scopes: ['shop:use'],
  startToCloseMs: 1000,
  retry,
  nonRetryable: [],
} as const
const looked = { kind: 'record', reference: () => 'payment/1' } as const

/** Reads all that is known of a payment. */
const look = readTool({
  ...common,
  name: 'shop.look',
  title: 'look the payment up',
  output: z.record(z.string(), z.unknown()),
  risk: 'low',
  evidence: looked,
  local: true,
})

/** `shop.pay`, whose facts are what a cited record says. */
export const guardedPay = writeTool({
  ...common,
  name: 'shop.pay',
  title: 'pay',
  output: z.strictObject({}),
  risk: 'medium',
  evidence: looked,
  reversibility: 'reversible',
  idempotency: 'transaction',
  needs: { seen: look },
  declares: payFacts.declares,
  facts: (_input, { seen }) => seen as never,
  supports: () => [],
  describe: () => 'pay',
  undo: { does: 'take it back', startToCloseMs: 1000, retry },
})

const contract: PlaybookContract = {
  name: 'refund_request',
  title: 'a playbook',
  request: z.strictObject({}),
  tools: [look, guardedPay],
  thoughts: [],
}

const host = hostKeyOf(newHostKey())
const gateway = hostKeyOf(newHostKey())
const published: IssuerKey = {
  keyId: gateway.keyId,
  publicKey: gateway.publicKey,
  issuer: 'gateway',
  development: false,
  validFrom: new Date(0),
  validTo: null,
  revokedAt: null,
  compromisedAt: null,
}

const runKey = runKeyOf('pay-1', 'run-1')
const step = 'shop.pay-1'
const provider = 'https://login.acme.example'
const principal: Principal = {
  subject: 'cleo@acme.example',
  issuer: provider,
  kind: 'user',
  workspace: 'acme',
  scopes: ['shop:use'],
  assurance: {},
  development: false,
}

/** A receipt that a host signed, of such a kind and age. */
export function receiptOf(output: Json, { at, kind = 'record' }: { at: Date; kind?: EvidenceKind }): Evidence {
  const receipt = signReceipt(host, {
    runKey,
    step: `shop.look-${kind}`,
    tool: kind === 'record' ? look.name : `shop.${kind}`,
    by: principal.subject,
    scopes: ['shop:use'],
    inputDigest: digestOf({}),
    outputDigest: digestOf(output),
    kind,
    reference: 'payment/1',
    at: at.toISOString(),
  })
  return { receipt, output }
}

/** A payment that somebody wants under a policy, by the evidence that is cited for it. */
export interface Asked {
  readonly policy: Policy
  readonly evidence: readonly Evidence[]
  /** When the kernel judges it. */
  readonly at: Date
  /** Those who approve it, at the time at which it is judged. */
  readonly crowd?: readonly Voice[]
  /** When Temporal schedules the write; default: as soon as it is judged. */
  readonly scheduledAt?: Date
}

/** What a kernel says of it, by its own judgement. */
export function kernelSays({ policy, evidence, at }: Asked): Verdict {
  const policyDigest = digestOf(policy)
  const opened = {
    runKey,
    principal,
    request: {},
    policy,
    policyText: '',
    policyDigest,
    requestDigest: digestOf({}),
    plainThoughts: [],
    kernelVersion: '0',
    buildId: '0',
  } satisfies OpenedRun
  const attempt: Attempt = { step, tool: guardedPay, input: {}, evidence }
  return judge(contract, opened, attempt, at.getTime())
}

/**
 * What a host says of a warrant for it, with real receipts and real statements of those who approve: `undefined`: it may be done; else
 * the code with which it is refused. Of what the kernel would not have done a forged warrant is shown, with the decision of the policy.
 */
export async function guardSays(asked: Asked, facts: Facts): Promise<string | undefined> {
  const { policy, evidence, at, crowd = [], scheduledAt = at } = asked
  const policyDigest = digestOf(policy)
  const decision = decide(policy, guardedPay, facts)
  const action = actionOf({ step, tool: guardedPay, input: {}, evidence }, facts, { runKey, policyDigest })
  const actionDigest = actionDigestOf(action)
  const approvals = crowd.map(({ by, standing }): Approval => {
    const said = { step, decision: 'approve', comment: '', actionDigest } as const
    const about = {
      kind: 'decide',
      runKey,
      step,
      actionDigest,
      decision: 'approve',
      commentDigest: digestOfText(''),
    } as const
    const { groups } = standing
    const who = { ...principal, subject: by, groups, scopes: [] }
    return { ...said, by, at: at.toISOString(), standing, statement: signStatement(gateway, { about, who }, { at }) }
  })
  const warrant: Warrant = {
    v: 1,
    kind: 'act',
    runKey,
    workflowType: contract.name,
    step,
    tool: guardedPay.name,
    principal,
    plan: null,
    policyDigest,
    inputDigest: inputDigestOf(guardedPay.name, {}),
    actionDigest,
    facts,
    trust: action.trust,
    evidence,
    decision,
    approvals: decision.effect === 'require_approval' ? approvals : [],
    changes: [],
    expect: {},
    undo: undoPathOf(guardedPay, policy.rollback),
    issuedAt: at.toISOString(),
  }
  const run: RunRow = {
    runKey,
    workflowId: 'pay-1',
    workflowType: contract.name,
    policyDigest,
    candidateDigest: null,
    principal,
    requestDigest: digestOf({}),
    businessKey: null,
    kernelVersion: '0',
    buildId: '0',
    statement: null,
  }
  const stores: GuardStores = {
    findRun: async () => run,
    policyOf: async () => policy,
    verifierOf: async (keyId) => (keyId === host.keyId ? host.verify : undefined),
    firstRunIdOf: async () => 'run-1',
    witness: {
      heard: async (given, use) => {
        const { who } = await verifyUse(given, use, { keyOf: async () => published, at: new Date(given.issuedAt) })
        return { who, standing: { groups: who.groups, delegated: [] } }
      },
    },
  }
  try {
    await checkWarrant(warrant, guardedPay, {}, run, stores, scheduledAt.getTime())
    return undefined
  } catch (error) {
    const failure = failureOf(error)
    if (failure === undefined) throw error
    return failure.code
  }
}
