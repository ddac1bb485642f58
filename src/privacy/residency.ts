import { readFileSync } from 'node:fs'
import { parse, YAMLParseError } from 'yaml'
import { z } from 'zod'
import { fail } from '../contract/failures.ts'
import { firstIssue } from '../contract/issue.ts'

/** Where something is done or looked at. What is left out is not known there, and then not compared. */
export interface Place {
  readonly namespace?: string | undefined
  readonly taskQueue?: string | undefined
  /** Host, port and name, as `databaseName` gives them. Blobs are in it. */
  readonly database?: string | undefined
}

/** Where each workspace is at home. */
export interface Workspaces {
  readonly homes: ReadonlyMap<string, Required<Place>>
  /** What becomes of a workspace that the file does not name. */
  readonly others: 'refuse' | 'anywhere'
}

const name = z.string().min(1).max(200)
const schema = z.strictObject({
  workspaces: z.record(
    name,
    z.strictObject({
      namespace: name,
      task_queue: name,
      database: z
        .string()
        .regex(
          /^[^\s/@]+\/[^\s/]+$/,
          'must be a host and a name, such as `db.eu.example:5432/ledger`, without a password',
        ),
    }),
  ),
  others: z.enum(['refuse', 'anywhere']).optional(),
})

/** What is wrong with the file, and where. */
export class WorkspacesError extends Error {
  override readonly name = 'WorkspacesError'
}

const withPort = (database: string): string => {
  const [host = '', of = ''] = database.split('/')
  return `${(/:\d+$/.test(host) ? host : `${host}:5432`).toLowerCase()}/${of}`
}

/** Names a database by its URL: host, port and name, and nothing secret. */
export function databaseName(url: string): string {
  if (!URL.canParse(url)) throw new WorkspacesError('the database is no URL, so that nobody can tell where it is')
  const { hostname, port, pathname } = new URL(url)
  return withPort(`${hostname}${port === '' ? '' : `:${port}`}${decodeURIComponent(pathname)}`)
}

/** Reads `workspaces.yaml`; throws `WorkspacesError` on a mistake. */
export function readWorkspaces(file: string): Workspaces {
  const wrong = (what: string): Error => new WorkspacesError(`${file}: ${what}`)
  let found: unknown
  try {
    found = parse(readFileSync(file, 'utf8'), { maxAliasCount: 0 })
  } catch (error) {
    if (error instanceof YAMLParseError) throw wrong(error.message.split('\n')[0] ?? 'it is no YAML')
    throw wrong(error instanceof Error ? error.message : String(error))
  }
  const parsed = schema.safeParse(found)
  if (!parsed.success) throw wrong(firstIssue(parsed.error))
  const { workspaces, others = 'refuse' } = parsed.data
  const homes = Object.entries(workspaces).map(([workspace, { namespace, task_queue: taskQueue, database }]) => {
    return [workspace, { namespace, taskQueue, database: withPort(database) }] as const
  })
  return { homes: new Map(homes), others }
}

const WORDS = { namespace: 'namespace', taskQueue: 'task queue', database: 'database' } as const

/** Keeps the data of workspaces where they are at home. */
export class Residency {
  readonly #workspaces: Workspaces
  readonly #here: Place

  constructor(workspaces: Workspaces, here: Place) {
    this.#workspaces = workspaces
    this.#here = here
  }

  /** The same workspaces, looked at from a place that is known better. */
  at(more: Place): Residency {
    return new Residency(this.#workspaces, { ...this.#here, ...more })
  }

  /** Whether what is of a workspace may be here. */
  isHome(workspace: string | null): boolean {
    return this.#whyNot(workspace) === undefined
  }

  /** Fails with `workspace_elsewhere` where what is of a workspace must not be here. `null`: nobody knows of which it is. */
  check(workspace: string | null): void {
    const why = this.#whyNot(workspace)
    if (why !== undefined) throw fail('workspace_elsewhere', why)
  }

  #whyNot(workspace: string | null): string | undefined {
    const { homes, others } = this.#workspaces
    const home = workspace === null ? undefined : homes.get(workspace)
    if (home === undefined) {
      if (others === 'anywhere') return undefined
      return workspace === null
        ? 'nobody can tell of which workspace it is, and where that is at home'
        : `the workspace \`${workspace}\` is at home nowhere: no binding names it`
    }
    for (const part of ['namespace', 'taskQueue', 'database'] as const) {
      const here = this.#here[part]
      if (here !== undefined && here !== home[part]) {
        return `the workspace \`${workspace}\` is at home in the ${WORDS[part]} \`${home[part]}\`, and this is \`${here}\``
      }
    }
    return undefined
  }
}
