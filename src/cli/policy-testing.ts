import type { CaseResult } from '../policy/cases/run.ts'
import { type TestedPolicy, testPolicies } from '../policy/cases/files.ts'
import type { Project } from '../worker/project.ts'
import { readPlaybooks } from '../worker/registry.ts'
import { UsageError } from './errors.ts'
import { plain } from './terminal.ts'
import { nearestName } from './where-from-here.ts'

/** Runs the decision tables of a folder, by default that of the project, for the playbooks of the project. */
export async function testFolder(project: Project, folder: string | undefined): Promise<readonly TestedPolicy[]> {
  const dir = folder ?? nearestName(project.policies)
  const contracts = [...(await readPlaybooks(project.workflows)).values()]
  let tested: readonly TestedPolicy[]
  try {
    tested = await testPolicies(dir, contracts)
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new UsageError(`\`${dir}\` cannot be read: ${reason}`, 'Name the folder in which the policies are.')
  }
  if (tested.length > 0) return tested
  throw new UsageError(`there is no policy in \`${dir}\``, 'Name the folder in which the policies are.')
}

const resultsOf = (tested: readonly TestedPolicy[]): readonly CaseResult[] => tested.flatMap(({ results }) => results)

/** Whether every case came out as it says; that nothing was tried is no yes. */
export function isAsExpected(tested: readonly TestedPolicy[]): boolean {
  const results = resultsOf(tested)
  const problems = tested.flatMap((one) => one.problems)
  return results.length > 0 && results.every(({ ok }) => ok) && problems.every(({ level }) => level === 'warning')
}

/** What was tried, as JSON. `uncovered` are the rules that match in no case. */
export const testedJson = (tested: readonly TestedPolicy[]) => ({
  cases: resultsOf(tested).length,
  failed: resultsOf(tested).filter(({ ok }) => !ok).length,
  policies: tested.map(({ file, table, workflow, results, uncovered, problems }) => ({
    file,
    table,
    workflow,
    cases: results.map(({ case: { name, tool, line, column, decision, rules }, ok, decision: got }) => ({
      name,
      tool: tool.name,
      line,
      column,
      ok,
      expected: { decision, rules },
      got: { decision: got.effect, rules: got.matches.map(({ rule }) => rule) },
    })),
    uncovered,
    problems,
  })),
})

/** What was tried, as a person reads it: each case that failed, what is not covered, and a count. */
export function testedLines(tested: readonly TestedPolicy[]): readonly string[] {
  const results = resultsOf(tested)
  const failed = results.filter(({ ok }) => !ok).length
  const all = `${results.length} ${results.length === 1 ? 'case' : 'cases'}`
  return [
    ...tested.flatMap(({ table, results: own }) => own.filter(({ ok }) => !ok).map((one) => failedLine(table, one))),
    ...tested.flatMap(({ file, uncovered }) => uncovered.map((rule) => `${file} no case covers ${rule}`)),
    results.length === 0 ? 'no case was run' : `${all}, ${failed === 0 ? 'each' : `${failed} not`} as expected`,
  ]
}

function failedLine(table: string, { case: one, decision }: CaseResult): string {
  const got = decision.matches.map(({ rule }) => rule)
  const { line, column, name } = one
  const expected = `expected ${saying(one.decision, one.rules)}, got ${saying(decision.effect, got)}`
  return `${table}:${line}:${column} ${plain(name)}: ${expected}`
}

/** `require_approval (requires_approval_if.refund_amount_usd_gte)` */
const saying = (decision: string, rules: readonly string[]): string =>
  `${decision} (${rules.length === 0 ? 'no rule' : rules.join(', ')})`
