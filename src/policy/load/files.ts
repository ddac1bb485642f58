import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type PlaybookContract, slugOf } from '../../contract/playbook.ts'
import { type LoadedPolicy, type ParsedPolicy, parsePolicy } from './parse.ts'
import { fileProblem, type PolicyProblem } from './problem.ts'
import { MAX_BYTES } from './source.ts'

/** The policies of a folder by the wire name of their playbook, or everything that is wrong with the folder. */
export type LoadedPolicies =
  | { readonly ok: true; readonly policies: ReadonlyMap<string, LoadedPolicy & { readonly file: string }> }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] }

const POLICY_FILE = /^[^.].*(?<!\.cases)\.ya?ml$/

const refused = (problem: PolicyProblem): ParsedPolicy => ({ ok: false, problems: [problem], workflow: null })

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown error'

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** What a file is to be, and what is said when it is not there. */
interface Wanted {
  readonly what: 'policy' | 'decision table'
  readonly code: PolicyProblem['code']
  readonly maxBytes: number
  readonly notThere: PolicyProblem
}

/** The text of a file, or why there is none. */
export async function readTextFile(
  file: string,
  { what, code, maxBytes, notThere }: Wanted,
): Promise<string | PolicyProblem> {
  const problem = (message: string, help: string): PolicyProblem => fileProblem(file, message, help, code)
  let bytes: Uint8Array
  try {
    const found = await stat(file) // first, so that neither a pipe nor a huge file is waited for
    if (!found.isFile()) return problem('is not a file.', `put the ${what} there.`)
    if (found.size > maxBytes) {
      return problem(`is longer than ${maxBytes} bytes.`, `keep all but the ${what} elsewhere.`)
    }
    bytes = await readFile(file)
  } catch (error) {
    const reason = codeOf(error)
    return reason === 'ENOENT' ? notThere : problem(`cannot be read: ${reason}.`, 'check its permissions.')
  }
  return utf8(bytes) ?? problem('is not UTF-8.', 'save it as UTF-8 without a byte order mark.')
}

/** Reads one policy file as `parsePolicy` reads its text. A file that cannot be read is a problem like any other. */
export async function loadPolicy(
  file: string,
  contracts: readonly PlaybookContract[],
  owner?: PlaybookContract,
): Promise<ParsedPolicy> {
  const help = owner === undefined ? 'add it.' : `add it, with \`workflow: ${owner.name}\` in it.`
  const notThere = fileProblem(file, 'does not exist.', help, 'policy_not_found')
  const text = await readTextFile(file, { what: 'policy', code: 'policy_invalid', maxBytes: MAX_BYTES, notThere })
  return typeof text === 'string' ? parsePolicy(text, file, contracts, owner) : refused(text)
}

/** The names of the policy files of a folder, sorted; none when there is no such folder. */
export const policyFilesIn = async (dir: string): Promise<readonly string[]> => {
  try {
    return (await readdir(dir)).filter((name) => POLICY_FILE.test(name)).toSorted()
  } catch {
    return [] // then every policy is missing, and each of them says so
  }
}

/**
 * Reads `<slug>.yaml` of every playbook from a folder. A further YAML file there is a problem only when
 * it names no playbook that is known: a policy that nobody reads must not go unnoticed. `*.cases.yaml` is left alone.
 */
export async function loadPolicies(dir: string, contracts: readonly PlaybookContract[]): Promise<LoadedPolicies> {
  const policies = new Map<string, LoadedPolicy & { readonly file: string }>()
  const problems: PolicyProblem[] = []
  for (const contract of contracts) {
    const file = join(dir, `${slugOf(contract.name)}.yaml`)
    const parsed = await loadPolicy(file, contracts, contract)
    if (parsed.ok) policies.set(contract.name, { ...parsed, file })
    else problems.push(...parsed.problems)
  }
  const expected = new Set(contracts.map(({ name }) => `${slugOf(name)}.yaml`))
  for (const name of await policyFilesIn(dir)) {
    if (expected.has(name)) continue
    const parsed = await loadPolicy(join(dir, name), contracts)
    if (!parsed.ok && parsed.workflow === null) problems.push(...parsed.problems)
  }
  return problems.length === 0 ? { ok: true, policies } : { ok: false, problems }
}
