import { allIssues } from '../contract/issue.ts'
import type { PlaybookContract } from '../contract/playbook.ts'
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
 * Refuses to start a playbook that looks misspelt, since a run of a type that no worker has would wait for ever, and one with a request
 * that it would refuse. Without a project file only what is nearly the name of one of the sample is taken for that.
 */
export async function checkStart(name: string, request: unknown, config: string | undefined): Promise<void> {
  const playbooks = await playbooksOfProject(config)
  if (typeof playbooks === 'string') return
  const known = playbooks.find((one) => one.name === name)
  const wrong = known?.request.safeParse(request).error
  if (wrong !== undefined) {
    throw new UsageError(
      `\`${name}\` would refuse the request: ${allIssues(wrong).join('; ')}`,
      'Mend the request. With --force it is sent as it is, as to workers of another version.',
    )
  }
  if (known !== undefined) return
  const { hasProjectFile } = await import('./project.ts')
  const named = playbooks.map((one) => one.name)
  if (!hasProjectFile(config) && nearest(name, named) === undefined) return
  throw new UsageError(
    `there is no playbook \`${name}\` in the project of this folder`,
    `${suggestion(name, named, 'its playbooks are')} With --force it is started all the same, and waits for a worker that has it.`,
  )
}

/** The names that the project has, or why they cannot be told. */
async function namesOfProject(
  scope: 'tool' | 'playbook',
  config: string | undefined,
): Promise<readonly string[] | string> {
  const playbooks = await playbooksOfProject(config)
  if (typeof playbooks === 'string') return playbooks
  if (scope === 'playbook') return playbooks.map(({ name }) => name)
  return [...new Set(playbooks.flatMap(({ tools, thoughts }) => [...tools, ...thoughts]).map(({ name }) => name))]
}

/** What the project has, or why that cannot be told: an emergency does not wait for a project that is broken. */
async function playbooksOfProject(config: string | undefined): Promise<readonly PlaybookContract[] | string> {
  try {
    const [{ loadProject }, { readPlaybooks }] = await Promise.all([
      import('./project.ts'),
      import('../worker/registry.ts'),
    ])
    const { project } = await loadProject(config)
    return [...(await readPlaybooks(project.workflows)).values()]
  } catch (error) {
    return `The project could not be asked: ${error instanceof Error ? error.message : String(error)}`
  }
}
