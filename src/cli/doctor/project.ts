import { formatProblem } from '../../policy/load/index.ts'
import { bundlePlaybooks, type PlaybookBundle } from '../../worker/bundle.ts'
import { readBundle } from '../../worker/prebuilt.ts'
import type { Project } from '../../worker/project.ts'
import { readPlaybooks, registryOf } from '../../worker/registry.ts'
import { checkPolicies } from '../policy-check.ts'
import { failed, type Finding, looked, ok } from './finding.ts'

/** What a worker makes of a project, and its build id where it can be bundled. */
export async function lookAtProject(
  project: Project,
  bundle: string | undefined,
): Promise<{ readonly findings: readonly Finding[]; readonly buildId: string | undefined }> {
  let built: PlaybookBundle | undefined
  const contracts = await looked('contracts', async () => {
    const { reads, writes, thoughts, playbooks } = registryOf(await readPlaybooks(project.workflows), project.tools)
    const tools = reads.size + writes.size
    return ok('contracts', `${playbooks.size} playbooks, ${tools} tools and ${thoughts.size} thoughts are whole`)
  })
  const policies = await looked('policies', async () => await policiesOf(project))
  const bundled = await looked('bundle', async () => {
    built = await (bundle === undefined ? bundlePlaybooks(project.workflows) : readBundle(bundle, project.workflows))
    return ok(
      'bundle',
      bundle === undefined ? `bundles as ${built.buildId}` : `\`${bundle}\` is ${built.buildId} of these files`,
    )
  })
  return { findings: [...contracts, ...policies, ...bundled], buildId: built?.buildId }
}

async function policiesOf(project: Project): Promise<readonly Finding[]> {
  const checked = await checkPolicies(project, [])
  const problems = checked.flatMap((file) => file.problems)
  if (problems.length === 0) return [ok('policies', `${checked.length} have no problem`)]
  return problems.map((problem) =>
    failed('policies', formatProblem(problem), 'Mend it; see `countersign policy check`.'),
  )
}
