import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Digest, digestOf } from '../../contract/digest.ts'
import { type PlaybookContract, slugOf } from '../../contract/playbook.ts'
import { quoted } from '../decide/words.ts'
import { nearest } from './nearest.ts'
import { type LoadedPolicy, type ParsedPolicy, parsePolicy } from './parse.ts'
import { fileProblem, type PolicyProblem } from './problem.ts'
import { MAX_BYTES } from './source.ts'

type PolicyByName = ReadonlyMap<string, LoadedPolicy & { readonly file: string }>

/**
 * The policies of a folder by the wire name of their playbook, or everything that is wrong with the folder; and the
 * candidates that are in order. What is wrong with a candidate keeps no policy from being used.
 */
export type LoadedPolicies = {
  readonly candidates: PolicyByName
  readonly candidateProblems: readonly PolicyProblem[]
} & (
  | { readonly ok: true; readonly policies: PolicyByName }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] }
)

const POLICY_FILE = /^[^.].*(?<!\.cases)\.ya?ml$/
export const CANDIDATE_FILE = /\.candidate\.ya?ml$/

/** `refund_request` → `refund-request.yaml` */
export const policyFileOf = ({ name }: PlaybookContract): string => `${slugOf(name)}.yaml`
/** `refund_request` → `refund-request.candidate.yaml` */
const candidateFileOf = ({ name }: PlaybookContract): string => `${slugOf(name)}.candidate.yaml`

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

/** The text of a policy file, or why there is none. */
function readText(file: string, owner?: PlaybookContract): Promise<string | PolicyProblem> {
  const help = owner === undefined ? 'check its name.' : `add it, with \`workflow: ${owner.name}\` in it.`
  const notThere = fileProblem(file, 'does not exist.', help, 'policy_not_found')
  return readTextFile(file, { what: 'policy', code: 'policy_invalid', maxBytes: MAX_BYTES, notThere })
}

/** Parses what was read of a file. */
export const parseFound = (
  { file, content, owner }: Pick<FoundFile, 'file' | 'content' | 'owner'>,
  contracts: readonly PlaybookContract[],
): ParsedPolicy =>
  typeof content === 'string'
    ? parsePolicy(content, file, contracts, owner)
    : { ok: false, problems: [content], workflow: null }

/** Reads one policy file as `parsePolicy` reads its text. A file that cannot be read is a problem like any other. */
export async function loadPolicy(
  file: string,
  contracts: readonly PlaybookContract[],
  owner?: PlaybookContract,
): Promise<ParsedPolicy> {
  const content = await readText(file, owner)
  if (owner === undefined && typeof content !== 'string' && content.code === 'policy_not_found') {
    const meant = nearest(basename(file), await policyFilesIn(dirname(file)))
    const help = meant === undefined ? content.help : `did you mean ${quoted(join(dirname(file), meant))}?`
    return { ok: false, problems: [{ ...content, help }], workflow: null }
  }
  return parseFound({ file, content, ...(owner && { owner }) }, contracts)
}

/** The names of the policy files of a folder, sorted; none when there is no such folder. */
export const policyFilesIn = async (dir: string): Promise<readonly string[]> => {
  try {
    return (await readdir(dir)).filter((name) => POLICY_FILE.test(name)).toSorted()
  } catch {
    return [] // then every policy is missing, and each of them says so
  }
}

interface FoundFile {
  readonly file: string
  readonly kind: 'policy' | 'candidate' | 'further'
  readonly content: string | PolicyProblem
  /** The playbook that the name of the file calls for. */
  readonly owner?: PlaybookContract
}

/** What stands in a folder of policies; not looked into yet. */
export interface PolicyFolder {
  readonly files: readonly FoundFile[]
  /** The same as long as all names and contents are. */
  readonly mark: Digest
}

const nobodys = (file: string): PolicyProblem =>
  fileProblem(file, 'is the candidate of no playbook.', 'name it as the policy, with `.candidate.yaml` at the end.')

/** Reads the files of a folder: `<slug>.yaml` of every playbook, `<slug>.candidate.yaml`, and what lies beside them. */
export async function readPolicyFolder(dir: string, contracts: readonly PlaybookContract[]): Promise<PolicyFolder> {
  const policies = contracts.map(async (owner): Promise<FoundFile> => {
    const file = join(dir, policyFileOf(owner))
    return { file, kind: 'policy', content: await readText(file, owner), owner }
  })
  const expected = new Set(contracts.map(policyFileOf))
  const others = (await policyFilesIn(dir)).filter((name) => !expected.has(name))
  const beside = others.map(async (name): Promise<FoundFile> => {
    const file = join(dir, name)
    if (!CANDIDATE_FILE.test(name)) return { file, kind: 'further', content: await readText(file) }
    const owner = contracts.find((contract) => candidateFileOf(contract) === name)
    if (owner === undefined) return { file, kind: 'candidate', content: nobodys(file) }
    return { file, kind: 'candidate', content: await readText(file, owner), owner }
  })
  const files = await Promise.all([...policies, ...beside])
  const mark = digestOf(files.map(({ file, content }) => ({ file, content })))
  return { files, mark }
}

/**
 * Reads the policies of a folder. A further YAML file there is a problem only when it names no playbook that is
 * known: a policy that nobody reads must not go unnoticed. `*.cases.yaml` is left alone.
 */
export function parsePolicyFolder(
  { files }: Pick<PolicyFolder, 'files'>,
  contracts: readonly PlaybookContract[],
): LoadedPolicies {
  const policies = new Map<string, LoadedPolicy & { readonly file: string }>()
  const candidates = new Map<string, LoadedPolicy & { readonly file: string }>()
  const problems: PolicyProblem[] = []
  const candidateProblems: PolicyProblem[] = []
  for (const found of files) {
    const { file, kind } = found
    const parsed = parseFound(found, contracts)
    if (kind === 'further') {
      if (!parsed.ok && parsed.workflow === null) problems.push(...parsed.problems)
    } else if (parsed.ok) {
      const kept = kind === 'candidate' ? candidates : policies
      kept.set(parsed.workflow, { ...parsed, file })
    } else {
      const wrong = kind === 'candidate' ? candidateProblems : problems
      wrong.push(...parsed.problems)
    }
  }
  const beside = { candidates, candidateProblems }
  return problems.length === 0 ? { ok: true, policies, ...beside } : { ok: false, problems, ...beside }
}

/** Reads the policies of a folder as they stand there now. */
export const loadPolicies = async (dir: string, contracts: readonly PlaybookContract[]): Promise<LoadedPolicies> =>
  parsePolicyFolder(await readPolicyFolder(dir, contracts), contracts)
