import { readFileSync } from 'node:fs'
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

const here = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')

const tools: ReadonlyMap<string, WriteTool> = new Map([refund, reply].map((tool) => [tool.name, tool]))
const contract = { ...refundRequest, tools: [...tools.values()] }

const typed = (facts: Case['facts'], declares: FactDeclarations): Facts =>
  Object.fromEntries(
    Object.entries(facts).map(([name, value]) => {
      const declaration = declares[name]
      if (declaration === undefined) throw new Error(`\`${name}\` is no fact of the tool`)
      return [name, declaration.type === 'money' ? parseMoney(declaration.currency, String(value)) : value]
    }),
  )

describe.each(['../../policies/refund-request', './trust', './trust-escalate'])('%s', (path) => {
  const parsed = parsePolicy(here(`${path}.yaml`), `${path}.yaml`, [contract])
  const cases = parse(here(`${path}.cases.yaml`)) as readonly Case[]

  test('the policy is sound', () => {
    expect(parsed.ok ? [] : parsed.problems.map(formatProblem)).toEqual([])
  })

  test.each(cases)('$name', ({ tool: name, facts, decision, rules }) => {
    const tool = tools.get(name)
    if (!parsed.ok || tool === undefined) throw new Error(`there is no \`${name}\` to decide on`)
    const { effect, matches } = decide(parsed.policy, tool, typed(facts, tool.declares))
    expect({ decision: effect, rules: matches.map((match) => match.rule) }).toEqual({ decision, rules })
  })
})
