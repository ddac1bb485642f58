import { z } from 'zod'
import { type FactDeclarations, textFact } from '../../src/contract/fact.ts'
import type { PlaybookContract } from '../../src/contract/playbook.ts'
import { readTool, writeTool } from '../../src/contract/tool.ts'
import type { Policy, Trigger } from '../../src/policy/types.ts'
import { pay as payFacts } from './pay-facts.ts'

const retry = { maximumAttempts: 3, initialIntervalMs: 100, maximumIntervalMs: 1000, backoffCoefficient: 2 }
const common = {
  input: z.strictObject({}),
  output: z.strictObject({}),
  scopes: ['shop:use'],
  risk: 'low',
  startToCloseMs: 1000,
  retry,
  nonRetryable: [],
  evidence: { kind: 'record', reference: () => 'thing/1' },
} as const

/** A write that declares these facts; policies look at nothing else of it. */
const write = <const F extends FactDeclarations>(name: string, declares: F) =>
  writeTool({
    ...common,
    name,
    title: name,
    reversibility: 'reversible',
    idempotency: 'transaction',
    needs: {},
    declares,
    facts: () => Object.fromEntries(Object.keys(declares).map((fact) => [fact, undefined])) as never,
    supports: () => [],
    describe: () => name,
    undo: { does: 'undo it', startToCloseMs: 1000, retry },
  })

/** Declares one fact of each type. */
export const pay = write('shop.pay', payFacts.declares)
/** Declares a fact of its own. */
export const note = write('shop.note', { note_body: textFact('request') })

const look = readTool({ ...common, name: 'shop.look', title: 'look', local: true })

const contract = (name: string, tools: PlaybookContract['tools']): PlaybookContract => ({
  name,
  title: name,
  request: z.strictObject({}),
  tools,
  thoughts: [],
})

/** The one that derives a value of its runs. */
export const refundRequest: PlaybookContract = {
  ...contract('refund_request', [look, pay, note]),
  value: { of: look, is: () => undefined },
}
export const orderChange = contract('order_change', [look, note])
/** Nothing to decide on. */
export const statusReport = contract('status_report', [look])

/** A policy with these triggers and otherwise the defaults. */
export const policyOf = (triggers: {
  denyIf?: readonly Trigger[]
  requiresApprovalIf?: readonly Trigger[]
  trust?: Policy['trust']
}): Policy => ({
  workflow: 'refund_request',
  modelBudgetMicroUsd: null,
  maxToolCalls: null,
  budget: { onExceeded: 'escalate' },
  denyIf: [],
  requiresApprovalIf: [],
  trust: { atLeast: [], onLess: 'require_approval' },
  approvals: { expiresMinutes: 4320, onTimeout: 'escalate' },
  audit: { logLevel: 'evidence', export: null },
  rollback: { enabled: false, windowMinutes: 0 },
  ...triggers,
})
