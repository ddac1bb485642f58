import type { LogLevel } from '@temporalio/worker'
import { type Stack, type StackOptions, startStack } from '../embedded/stack.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { bundlePlaybooks } from '../worker/bundle.ts'
import { makeCurrent } from '../worker/deployment.ts'
import { adoptVersion } from './deployment.ts'
import type { Project } from '../worker/project.ts'
import { developmentIssuer } from '../identity/statements.ts'
import { connectDatabase } from './connect.ts'
import { findHostKey, type Host, quietRuntime, startHost } from './host.ts'
import { exportsForDevelopment } from './exports.ts'
import { prepare } from './prepare.ts'
import { WANTED } from './search-attributes.ts'
import { openSession } from './open-session.ts'
import type { Session } from './session.ts'
import type { Closing } from './stopping.ts'
import { say } from './terminal.ts'
import { findTemporal, withoutPassword } from './where.ts'

export interface DevelopmentOptions {
  readonly stateDir: string
  /** Where the worker listens, and as a version of what. */
  readonly work: (stack: Stack) => { readonly taskQueue: string; readonly deployment: string }
  /** Whether the deployment is nobody else's; else, on a Temporal that was not started here, a current version stays current. */
  readonly hasOwnDeployment: boolean
  readonly project: Project
  /** From which level on Temporal's own log is shown. */
  readonly logLevel: LogLevel
  readonly stack?: Pick<StackOptions, 'env' | 'postgres'>
}

/** Servers, sample and worker in this process. */
export interface Development {
  readonly session: Session
  readonly db: LedgerDatabase
  readonly host: Host
  /** What is to be known of where audit records are exported to. */
  readonly exports: readonly string[]
}

/**
 * Starts whatever the environment does not name, prepares and fills it, and starts a worker. What was opened is
 * added to `closing`, so that it is closed even when a later part fails.
 */
export async function startDevelopment(options: DevelopmentOptions, closing: Closing): Promise<Development> {
  const { stateDir, project } = options
  quietRuntime(options.logLevel)
  const bundle = bundlePlaybooks(project.workflows)
  bundle.catch(() => undefined) // heard of below, once the servers are up
  const searchAttributes = WANTED.map(({ name, word }) => ({ name, type: word }))
  const stack = await startStack({ ...options.stack, stateDir, temporal: { searchAttributes } })
  closing.add(stack.stop)
  const place = await findTemporal(stateDir)
  const { taskQueue, deployment } = options.work(stack)
  const session = await openSession(place, { stateDir, taskQueue })
  closing.add(session.close)
  say(`Temporal  ${place.address}, namespace ${place.namespace} (${place.from})`)
  const { postgresPid } = stack.servers
  const from = postgresPid === undefined ? 'DATABASE_URL' : `the stack in \`${stateDir}\``
  const db = await connectDatabase({ url: stack.databaseUrl, from })
  closing.add(() => db.destroy())
  say(`database  ${withoutPassword(stack.databaseUrl)} (${from})`)
  await prepare(session.connection, place.namespace, db, project)
  await project.seed?.(db)
  const { key } = findHostKey(stateDir)
  const version = { deployment, buildId: (await bundle).buildId }
  // On a Temporal that others use, new runs must not go to this machine because somebody tried something out.
  if (stack.servers.temporalPid === undefined && !options.hasOwnDeployment)
    await adoptVersion({ connection: session.connection, place }, version)
  else await makeCurrent(session.connection, place.namespace, version)
  const development = developmentIssuer(stateDir)
  const { config: exports, lines } = await exportsForDevelopment(project, stateDir)
  const parts = { temporal: place, db, project, taskQueue, deployment, key, bundle, development, more: { exports } }
  const host = await startHost(parts)
  closing.add(host.stop)
  return { session, db, host, exports: lines }
}
