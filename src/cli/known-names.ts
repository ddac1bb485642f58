import type { LedgerDatabase } from '../ledger/database.ts'
import { isKnown } from '../ledger/stops.ts'
import { type StopTarget, stopTargetText } from '../contract/stop.ts'
import { nearest, suggestion } from '../policy/load/nearest.ts'
import { UsageError } from './errors.ts'

/**
 * Refuses a tool or playbook that neither the ledger has heard of nor the project has: a stop of a name that is
 * misspelt would stop nothing. Of a run and a workspace it tells whether the ledger has heard of it.
 */
export async function checkName(db: LedgerDatabase, target: StopTarget, config: string | undefined): Promise<boolean> {
  const { scope, name } = target
  const known = await isKnown(db, target)
  if (known || (scope !== 'tool' && scope !== 'playbook')) return known
  const named = await namesOfProject(scope, config)
  if (Array.isArray(named) && named.includes(name)) return true
  const help = Array.isArray(named) ? suggestion(name, named, `the ${scope}s of this project are`) : named
  throw new UsageError(
    `nobody knows the ${stopTargetText(target)}: neither the ledger nor the project in this folder`,
    `${String(help)} With --force it is stopped all the same.`,
  )
}

/**
 * Refuses to start a playbook that looks misspelt: a run of a type that no worker has would wait for ever. Without a
 * project file only what is nearly the name of one of the sample is taken for that.
 */
export async function checkPlaybook(name: string, config: string | undefined): Promise<void> {
  const named = await namesOfProject('playbook', config)
  if (!Array.isArray(named) || named.includes(name)) return
  const { hasProjectFile } = await import('./project.ts')
  if (!hasProjectFile(config) && nearest(name, named) === undefined) return
  throw new UsageError(
    `there is no playbook \`${name}\` in the project of this folder`,
    `${suggestion(name, named, 'its playbooks are')} With --force it is started all the same, and waits for a worker that has it.`,
  )
}

/** The names that the project has, or why they cannot be told: an emergency does not wait for a project that is broken. */
async function namesOfProject(
  scope: 'tool' | 'playbook',
  config: string | undefined,
): Promise<readonly string[] | string> {
  try {
    const [{ loadProject }, { readPlaybooks }] = await Promise.all([
      import('./project.ts'),
      import('../worker/registry.ts'),
    ])
    const { project } = await loadProject(config)
    const playbooks = [...(await readPlaybooks(project.workflows)).values()]
    if (scope === 'playbook') return playbooks.map(({ name }) => name)
    return [...new Set(playbooks.flatMap(({ tools, thoughts }) => [...tools, ...thoughts]).map(({ name }) => name))]
  } catch (error) {
    return `The project could not be asked: ${error instanceof Error ? error.message : String(error)}`
  }
}
