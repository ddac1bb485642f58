import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { refund } from '../../activities/billing/contract.ts'
import { reply } from '../../activities/helpdesk/contract.ts'
import { testPolicy } from '../../src/policy/cases/files.ts'
import { formatProblem } from '../../src/policy/load/index.ts'
import { refundRequest } from './fake-playbook.ts'

const folder = join(import.meta.dirname, '..', '..', 'policies')
const SHIPPED = ['refund-request', 'support-request']
const TABLES = [
  ...SHIPPED.map((slug) => join(folder, slug)),
  join(import.meta.dirname, 'trust'),
  join(import.meta.dirname, 'trust-escalate'),
]
const contracts = ['refund_request', 'support_request'].map((name) => ({
  ...refundRequest,
  name,
  tools: [refund, reply],
}))

const tested = await Promise.all(TABLES.map((path) => testPolicy(`${path}.yaml`, contracts)))

describe.each(tested)('$table', ({ results, problems }) => {
  test('policy and table are sound, and there are cases', () => {
    expect(problems.map(formatProblem)).toEqual([])
    expect(results.length).toBeGreaterThan(0)
  })

  test.each(results)('$case.name', ({ case: { decision, rules }, decision: got, ok }) => {
    expect({ decision: got.effect, rules: got.matches.map(({ rule }) => rule), ok }).toEqual({
      decision,
      rules,
      ok: true,
    })
  })
})

test('every shipped policy has its decision table, and each of its rules a case', () => {
  const tables = readdirSync(folder).filter((name) => name.endsWith('.cases.yaml'))
  expect(tables.toSorted()).toEqual(SHIPPED.map((slug) => `${slug}.cases.yaml`))
  expect(tested.slice(0, SHIPPED.length).flatMap(({ uncovered }) => uncovered)).toEqual([])
})
