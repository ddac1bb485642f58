import { type PlaybookContract, writesOf } from '../contract/playbook.ts'
import type { WriteTool } from '../contract/tool.ts'
import { formatProblem, loadPolicy } from '../policy/load/index.ts'
import type { Policy } from '../policy/types.ts'
import type { Project } from '../worker/project.ts'
import { readPlaybooks } from '../worker/registry.ts'
import { EXIT } from './exit.ts'
import { say } from './terminal.ts'

/** A policy that a command was given, with the playbook that it is the policy of. */
export interface GivenPolicy {
  readonly file: string
  readonly policy: Policy
  readonly contract: PlaybookContract
  readonly writes: readonly WriteTool[]
}

/**
 * Reads policy files for the playbooks of a project. `undefined`, after it was said what is wrong with them, when one of
 * them cannot be used.
 */
export async function readPolicies(
  project: Project,
  files: readonly string[],
): Promise<readonly GivenPolicy[] | undefined> {
  const playbooks = await readPlaybooks(project.workflows)
  const contracts = [...playbooks.values()]
  const given: GivenPolicy[] = []
  for (const file of files) {
    const parsed = await loadPolicy(file, contracts)
    const contract = parsed.ok ? playbooks.get(parsed.workflow) : undefined
    if (!parsed.ok) for (const problem of parsed.problems) say(formatProblem(problem))
    else if (contract !== undefined) {
      given.push({
        file,
        policy: parsed.policy,
        contract,
        writes: writesOf(contract),
      })
    }
  }
  if (given.length === files.length) return given
  process.exitCode = EXIT.couldNotRun
  return undefined
}
