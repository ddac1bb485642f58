import { join } from 'node:path'
import { type PlaybookContract, writesOf } from '../contract/playbook.ts'
import { doubtsAbout } from '../policy/analyse/doubts.ts'
import { loadPolicies, loadPolicy, type ParsedPolicy, policyFileOf, type PolicyProblem } from '../policy/load/index.ts'
import { readPlaybooks } from '../worker/registry.ts'
import type { Project } from '../worker/project.ts'
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

function checkedOf(file: string, parsed: ParsedPolicy, contracts: readonly PlaybookContract[]): CheckedPolicy {
  const { workflow } = parsed
  if (!parsed.ok) return { file, ok: false, workflow, digest: null, problems: parsed.problems }
  const contract = contracts.find(({ name }) => name === workflow)
  const writes = contract === undefined ? [] : writesOf(contract)
  return { file, ok: true, workflow, digest: parsed.digest, problems: doubtsAbout(parsed, file, writes) }
}

/** Checks the given files, or all that a worker would read, against the contracts of the project's playbooks. */
export async function checkPolicies(project: Project, files: readonly string[]): Promise<readonly CheckedPolicy[]> {
  const contracts = [...(await readPlaybooks(project.workflows)).values()]
  if (files.length === 0) return await checkFolder(project.policies, contracts)
  return await Promise.all(files.map(async (file) => checkedOf(file, await loadPolicy(file, contracts), contracts)))
}

async function checkFolder(folder: string, contracts: readonly PlaybookContract[]): Promise<readonly CheckedPolicy[]> {
  const dir = nearestName(folder)
  const loaded = await loadPolicies(dir, contracts)
  const checked: CheckedPolicy[] = []
  for (const contract of contracts) {
    const file = join(dir, policyFileOf(contract))
    checked.push(checkedOf(file, await loadPolicy(file, contracts, contract), contracts))
    const candidate = loaded.candidates.get(contract.name)
    if (candidate !== undefined) checked.push(checkedOf(candidate.file, { ok: true, ...candidate }, contracts))
  }
  // What lies there beside them: candidates that are wrong, and a file that no playbook reads.
  const known = new Set(checked.map(({ file }) => file))
  const wrong = [...(loaded.ok ? [] : loaded.problems), ...loaded.candidateProblems]
  const others = wrong.filter(({ file }) => !known.has(file))
  for (const file of new Set(others.map((problem) => problem.file))) {
    const problems = others.filter((problem) => problem.file === file)
    checked.push({ file, ok: false, workflow: null, digest: null, problems })
  }
  return checked
}
