import { existsSync } from 'node:fs'
import { type PlaybookContract, writesOf } from '../contract/playbook.ts'
import { readMapping } from '../identity/mapping-file.ts'
import { doubtsAbout } from '../policy/analyse/doubts.ts'
import { type KnownGroups, unknownGroups } from '../policy/analyse/groups.ts'
import {
  loadPolicy,
  type ParsedPolicy,
  parseFound,
  type PolicyProblem,
  readPolicyFolder,
} from '../policy/load/index.ts'
import { readPlaybooks } from '../worker/registry.ts'
import type { Project } from '../worker/project.ts'
import { DEFAULT_IDENTITY } from './identity-options.ts'
import { nearestName } from './where-from-here.ts'

/** What was found in one policy file. */
export interface CheckedPolicy {
  readonly file: string
  readonly ok: boolean
  readonly workflow: string | null
  readonly digest: string | null
  /** Of a policy that is in order: warnings, which keep nothing from being used. */
  readonly problems: readonly PolicyProblem[]
}

/** What policies are checked against. */
interface Known {
  readonly contracts: readonly PlaybookContract[]
  /** `undefined`: nobody said which approver groups there are. */
  readonly groups: KnownGroups | undefined
}

function checkedOf(file: string, parsed: ParsedPolicy, { contracts, groups }: Known): CheckedPolicy {
  const { workflow } = parsed
  if (!parsed.ok) return { file, ok: false, workflow, digest: null, problems: parsed.problems }
  const contract = contracts.find(({ name }) => name === workflow)
  const writes = contract === undefined ? [] : writesOf(contract)
  const unknown = groups === undefined ? [] : unknownGroups(parsed, file, groups)
  const problems = [...unknown, ...doubtsAbout(parsed, file, writes)]
  return unknown.length > 0
    ? { file, ok: false, workflow, digest: null, problems }
    : { file, ok: true, workflow, digest: parsed.digest, problems }
}

/**
 * The approver groups that a mapping of identities makes: of the given file, else of the one in this folder. `undefined`: there is
 * none, so nobody said which groups there are. Throws `MappingError`.
 */
export function knownGroups(identity: string | undefined): KnownGroups | undefined {
  if (identity === undefined && !existsSync(DEFAULT_IDENTITY)) return undefined
  const file = identity ?? DEFAULT_IDENTITY
  const { issuers } = readMapping(file)
  return { file, names: [...new Set(issuers.flatMap(({ groups }) => [...groups.keys()]))] }
}

/**
 * Checks the given files, or all that a worker would read, against the contracts of the project's playbooks, and against the approver
 * groups that there are. Each file is read once.
 */
export async function checkPolicies(
  project: Project,
  files: readonly string[],
  groups?: KnownGroups,
): Promise<readonly CheckedPolicy[]> {
  const contracts = [...(await readPlaybooks(project.workflows)).values()]
  const known = { contracts, groups }
  if (files.length === 0) return await checkFolder(nearestName(project.policies), known)
  return await Promise.all(
    [...new Set(files)].map(async (file) => checkedOf(file, await loadPolicy(file, contracts), known)),
  )
}

async function checkFolder(dir: string, known: Known): Promise<readonly CheckedPolicy[]> {
  const { contracts } = known
  const { files } = await readPolicyFolder(dir, contracts)
  const all = files.map((found) => ({ ...found, parsed: parseFound(found, contracts) }))
  // Each policy, and its candidate behind it; then what lies beside them and can be of no playbook.
  const owned = contracts.flatMap((contract) => all.filter(({ owner }) => owner === contract))
  const nobodys = all.filter(({ owner, parsed }) => owner === undefined && !parsed.ok && parsed.workflow === null)
  return [...owned, ...nobodys].map(({ file, parsed }) => checkedOf(file, parsed, known))
}
