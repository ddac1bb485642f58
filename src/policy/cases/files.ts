import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { PlaybookContract } from '../../contract/playbook.ts'
import { CANDIDATE_FILE, loadPolicy, policyFileOf, policyFilesIn, readTextFile } from '../load/files.ts'
import { fileProblem, type PolicyProblem } from '../load/problem.ts'
import { MAX_TABLE_BYTES } from '../load/source.ts'
import type { Policy } from '../types.ts'
import { runTable, type TableResult } from './run.ts'
import { parseTable } from './table.ts'

/** What came of a policy and the decision table beside it. */
export interface TestedPolicy extends TableResult {
  readonly file: string
  /** Where its decision table is, or would be. */
  readonly table: string
  readonly workflow: string | null
  /** What kept it from being tested; a warning did not. */
  readonly problems: readonly PolicyProblem[]
}

const TABLE_FILE = /^[^.].*\.cases\.ya?ml$/

const tableOf = (file: string): string => file.replace(/(?=\.ya?ml$)/, '.cases')
const policyOf = (table: string): string => table.replace(/\.cases(?=\.ya?ml$)/, '')

const CODE = 'cases_invalid'
const UNTESTED: TableResult = { results: [], uncovered: [] }

/** Loads a policy with the decision table beside it, `<name>.cases.yaml`, and runs every case. */
export async function testPolicy(
  file: string,
  contracts: readonly PlaybookContract[],
  owner?: PlaybookContract,
): Promise<TestedPolicy> {
  const table = tableOf(file)
  const parsed = await loadPolicy(file, contracts, owner)
  const { workflow } = parsed
  if (!parsed.ok) return { ...UNTESTED, file, table, workflow, problems: parsed.problems }
  const contract = contracts.find(({ name }) => name === workflow)
  if (contract === undefined) throw new RangeError(`nobody knows the playbook ${workflow}`)
  const tested = await testTable(table, parsed.policy, contract)
  return { file, table, workflow, ...tested }
}

async function testTable(
  table: string,
  policy: Policy,
  contract: PlaybookContract,
): Promise<TableResult & Pick<TestedPolicy, 'problems'>> {
  const notThere: PolicyProblem = {
    ...fileProblem(table, 'does not exist, so nothing is tried.', 'add it; see docs/writing-a-policy.md.', CODE),
    level: 'warning',
  }
  const wanted = { what: 'decision table', code: CODE, maxBytes: MAX_TABLE_BYTES, notThere } as const
  const text = await readTextFile(table, wanted)
  if (text === notThere) return { ...runTable(policy, []), problems: [text] }
  if (typeof text !== 'string') return { ...UNTESTED, problems: [text] }
  const parsed = parseTable(text, table, policy, contract)
  return parsed.ok ? { ...runTable(policy, parsed.cases), problems: [] } : { ...UNTESTED, problems: parsed.problems }
}

/**
 * Tests every policy of a folder, in the order of the names; a table beside which there is no policy is a problem. None
 * when the folder holds neither. Fails as `readdir` does.
 */
export async function testPolicies(
  dir: string,
  contracts: readonly PlaybookContract[],
): Promise<readonly TestedPolicy[]> {
  const tables = (await readdir(dir)).filter((name) => TABLE_FILE.test(name)).toSorted()
  // What a candidate decides otherwise is not what the table of its policy says, so it is tried by one of its own or by none.
  const files = (await policyFilesIn(dir)).filter(
    (name) => !CANDIDATE_FILE.test(name) || tables.includes(tableOf(name)),
  )
  const owners = new Map(contracts.map((contract) => [policyFileOf(contract), contract]))
  const tested = await Promise.all(files.map((name) => testPolicy(join(dir, name), contracts, owners.get(name))))
  const strays = tables.filter((name) => !files.includes(policyOf(name)))
  return [...tested, ...strays.map((name) => strayTable(join(dir, name)))]
}

function strayTable(table: string): TestedPolicy {
  const file = policyOf(table)
  const message = `is the table of no policy: there is no \`${file}\`.`
  const problem = fileProblem(table, message, 'rename or remove it.', CODE)
  return { ...UNTESTED, file, table, workflow: null, problems: [problem] }
}
