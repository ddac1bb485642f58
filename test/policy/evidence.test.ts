import { expect, test } from 'vitest'
import type { Evidence, EvidenceKind } from '../../src/contract/evidence.ts'
import type { Facts } from '../../src/contract/fact.ts'
import { usd } from '../../src/contract/money.ts'
import type { Json } from '../../src/contract/json.ts'
import { RISKS, type Risk } from '../../src/contract/tool.ts'
import { demandsOn, unmetDemands } from '../../src/policy/decide/evidence.ts'
import type { EvidenceDemand, Policy } from '../../src/policy/types.ts'
import { policyOf } from './fake-playbook.ts'
import { guardSays, kernelSays, receiptOf } from './guarded.ts'

const FACTS: Facts = { refund_amount_usd: usd(2000), customer_tier: 'standard', reason: 'late' }
const NOW = new Date('2026-11-26T12:00:00.000Z')
const minutesAgo = (minutes: number): Date => new Date(NOW.getTime() - minutes * 60_000)

/** What a payment cites: a record of it, and something of another kind. */
const cited = (minutes: number, kind?: EvidenceKind, minutesOfThat = minutes): readonly Evidence[] => [
  receiptOf(FACTS as Json, { at: minutesAgo(minutes) }),
  ...(kind === undefined ? [] : [receiptOf({}, { at: minutesAgo(minutesOfThat), kind })]),
]

/** Approved by one, or let through. */
const demanding = (evidence: readonly EvidenceDemand[], waits = false): Policy => {
  const refund = { fact: 'refund_amount_usd', operator: 'gt' as const, operands: [usd(waits ? 0 : 100_000)] }
  const requiresApprovalIf = [{ id: 'requires_approval_if.refund_amount_usd_gt', ...refund }]
  return { ...policyOf({ requiresApprovalIf }), evidence }
}

const demand = (more: Partial<EvidenceDemand> = {}): EvidenceDemand => ({ kind: 'record', risk: 'low', ...more })

/** What is demanded, what is cited, and whether it is done. The tool is of medium risk. */
const CASES: readonly (readonly [string, readonly EvidenceDemand[], readonly Evidence[], boolean])[] = [
  ['nothing demanded', [], cited(600_000), true],
  ['a record of any age', [demand()], cited(600_000), true],
  ['a record that is just fresh', [demand({ freshMinutes: 60 })], cited(60), true],
  ['a record that is older', [demand({ freshMinutes: 60 })], cited(62), false],
  ['a record that is younger than the clock', [demand({ freshMinutes: 1 })], cited(-5), true],
  ['a kind that is not cited', [demand({ kind: 'document' })], cited(0), false],
  ['a kind that is cited', [demand({ kind: 'document' })], cited(0, 'document'), true],
  ['a kind that is cited and too old', [demand({ kind: 'log', freshMinutes: 5 })], cited(0, 'log', 7), false],
  ['one of two demands', [demand(), demand({ kind: 'url' })], cited(0, 'log'), false],
  ['both of two demands', [demand({ freshMinutes: 5 }), demand({ kind: 'log' })], cited(4, 'log', 900), true],
  ['what is demanded of its own risk', [demand({ kind: 'url', risk: 'medium' })], cited(0), false],
  ['what is demanded of a higher risk only', [demand({ kind: 'url', risk: 'high' })], cited(0), true],
]

test.each(CASES)('kernel and host demand the same: %s', async (_what, demands, evidence, isDone) => {
  const asked = { policy: demanding(demands), evidence, at: NOW }
  const verdict = kernelSays(asked)
  const end = verdict.kind === 'end' ? `${verdict.end.state} ${verdict.end.because.code}` : verdict.kind
  expect(end).toBe(isDone ? 'go' : 'escalated evidence_missing')
  expect(await guardSays(asked, FACTS)).toBe(isDone ? undefined : 'evidence_missing')
})

test('the case says what is not cited, each demand in words', () => {
  const demands = [demand({ freshMinutes: 60 }), demand({ kind: 'document', risk: 'medium' })]
  expect(kernelSays({ policy: demanding(demands), evidence: cited(90), at: NOW })).toMatchObject({
    end: { because: { message: '`shop.pay-1` does not cite a record at most 60 minutes old, a document' } },
  })
})

test('what was approved in time and is scheduled too late is refused by the host, approval or not', async () => {
  const ben = { by: 'ben@acme.example', standing: { groups: [], delegated: [] } }
  const asked = { policy: demanding([demand({ freshMinutes: 60 })], true), evidence: cited(59), at: NOW, crowd: [ben] }
  expect(kernelSays(asked).kind).toBe('ask')
  expect(await guardSays(asked, FACTS)).toBeUndefined()
  const later = (minutes: number) => guardSays({ ...asked, scheduledAt: minutesAgo(-minutes) }, FACTS)
  // The clocks of those who signed and who schedule may be a minute apart.
  expect(await later(2)).toBeUndefined()
  expect(await later(2.1)).toBe('evidence_missing')
  expect(await later(600)).toBe('evidence_missing')
})

test('a receipt whose time is none is of no age', () => {
  const [record] = cited(0)
  if (record === undefined) throw new Error('one is cited')
  const odd = { ...record, receipt: { ...record.receipt, at: 'yesterday' } }
  const policy = { evidence: [demand({ freshMinutes: 525_600 })] }
  const ageOf = (at: string): number => NOW.getTime() - Date.parse(at)
  expect(unmetDemands(policy, { risk: 'low' }, [odd], ageOf)).toEqual(['a record at most 525600 minutes old'])
})

test('a demand is on writes of its risk and of every higher one', () => {
  const on = (risk: Risk): readonly Risk[] =>
    demandsOn({ evidence: RISKS.map((least) => demand({ risk: least })) }, { risk }).map((one) => one.risk)
  expect(RISKS.map(on)).toEqual([['low'], ['low', 'medium'], ['low', 'medium', 'high']])
})
