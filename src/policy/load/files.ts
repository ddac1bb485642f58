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

/** Reads one policy file as `parsePolicy` reads its text. A file that cannot be read is a problem like any other. */
export async function loadPolicy(
  file: string,
  contracts: readonly PlaybookContract[],
  owner?: PlaybookContract,
): Promise<ParsedPolicy> {
  let bytes: Uint8Array
  try {
    const found = await stat(file) // first, so that neither a pipe nor a huge file is waited for
    if (!found.isFile()) return refused(fileProblem(file, 'is not a file.', 'put the policy there.'))
    if (found.size > MAX_BYTES) {
      return refused(fileProblem(file, `is longer than ${MAX_BYTES} bytes.`, 'keep all but the policy elsewhere.'))
    }
    bytes = await readFile(file)
  } catch (error) {
    const code = codeOf(error)
    if (code !== 'ENOENT') return refused(fileProblem(file, `cannot be read: ${code}.`, 'check its permissions.'))
    const help = owner === undefined ? 'add it.' : `add it, with \`workflow: ${owner.name}\` in it.`
    return refused(fileProblem(file, 'does not exist.', help, 'policy_not_found'))
  }
  const text = utf8(bytes)
  if (text !== undefined) return parsePolicy(text, file, contracts, owner)
  return refused(fileProblem(file, 'is not UTF-8.', 'save it as UTF-8 without a byte order mark.'))
}

const namesIn = async (dir: string): Promise<readonly string[]> => {
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
  for (const name of await namesIn(dir)) {
    if (expected.has(name)) continue
    const parsed = await loadPolicy(join(dir, name), contracts)
    if (!parsed.ok && parsed.workflow === null) problems.push(...parsed.problems)
  }
  return problems.length === 0 ? { ok: true, policies } : { ok: false, problems }
}
