import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { refund } from '../../activities/billing/contract.ts'
import { reply } from '../../activities/helpdesk/contract.ts'
import type { Effect } from '../../src/contract/action.ts'
import type { FactDeclarations, Facts } from '../../src/contract/fact.ts'
import { parseMoney } from '../../src/contract/money.ts'
import type { WriteTool } from '../../src/contract/tool.ts'
import { decide } from '../../src/policy/decide/index.ts'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { refundRequest } from './fake-playbook.ts'

interface Case {
  readonly name: string
  readonly tool: string
  readonly facts: Readonly<Record<string, string | number | boolean>>
  readonly decision: Effect
  readonly rules: readonly string[]
}

const folder = join(import.meta.dirname, '..', '..', 'policies')
const read = (path: string): string => readFileSync(join(import.meta.dirname, path), 'utf8')

const tools: ReadonlyMap<string, WriteTool> = new Map([refund, reply].map((tool) => [tool.name, tool]))
const SHIPPED = ['refund-request', 'support-request']

const typed = (facts: Case['facts'], declares: FactDeclarations): Facts =>
  Object.fromEntries(
    Object.entries(facts).map(([name, value]) => {
      const declaration = declares[name]
      if (declaration === undefined) throw new Error(`\`${name}\` is no fact of the tool`)
      return [name, declaration.type === 'money' ? parseMoney(declaration.currency, String(value)) : value]
    }),
  )

const SHIPPED_TABLES = SHIPPED.map((slug) => `../../policies/${slug}`)

describe.each([...SHIPPED_TABLES, './trust', './trust-escalate'])('%s', (path) => {
  const text = read(`${path}.yaml`)
  const name = /^workflow: "?(\w+)"?$/m.exec(text)?.[1] ?? ''
  const contract = { ...refundRequest, name, tools: [...tools.values()] }
  const parsed = parsePolicy(text, `${path}.yaml`, [contract])
  const cases = parse(read(`${path}.cases.yaml`)) as readonly Case[]

  test('the policy is sound', () => {
    expect(parsed.ok ? [] : parsed.problems.map(formatProblem)).toEqual([])
  })

  test.each(cases)('$name', ({ tool: called, facts, decision, rules }) => {
    const tool = tools.get(called)
    if (!parsed.ok || tool === undefined) throw new Error(`there is no \`${called}\` to decide on`)
    const { effect, matches } = decide(parsed.policy, tool, typed(facts, tool.declares))
    expect({ decision: effect, rules: matches.map((match) => match.rule) }).toEqual({ decision, rules })
  })
})

test('every shipped policy has its decision table', () => {
  const tables = readdirSync(folder).filter((name) => name.endsWith('.cases.yaml'))
  expect(tables.toSorted()).toEqual(SHIPPED.map((slug) => `${slug}.cases.yaml`))
})
