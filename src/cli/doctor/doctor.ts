import type { Connection } from '@temporalio/client'
import type { LedgerDatabase } from '../../ledger/database.ts'
import { connectClient, connectDatabase } from '../connect.ts'
import type { Project } from '../../worker/project.ts'
import { EXIT } from '../exit.ts'
import {
  type CommonOptions,
  type DeploymentOption,
  type JsonOption,
  namedDeployment,
  type ProjectOption,
} from '../options.ts'
import { loadProject } from '../project.ts'
import { Closing } from '../stopping.ts'
import { out, outJson, plain, say } from '../terminal.ts'
import { type DatabasePlace, findDatabase, findTemporal, type TemporalPlace } from '../where.ts'
import { lookAtDatabase } from './database.ts'
import { lookAtExports, lookAtOutbox } from './exports.ts'
import { type Finding, looked } from './finding.ts'
import { lookAtKey } from './key.ts'
import { lookAtMasterKeys } from './master-keys.ts'
import { lookAtModels } from './models.ts'
import { lookAtProject } from './project.ts'
import { lookAtSeals } from './seals.ts'
import { lookAtTemporal } from './temporal.ts'

export interface DoctorOptions extends CommonOptions, JsonOption, DeploymentOption, ProjectOption {
  /** Whether models are asked. */
  readonly model: boolean
  readonly bundle?: string
  readonly exports?: string
}

/** Looks at all that a worker needs, prints a line for each finding, and exits with 3 where one is `FAIL`. Changes nothing. */
export async function doctor(options: DoctorOptions): Promise<void> {
  const closing = new Closing()
  const findings: Finding[] = []
  const tell = (found: readonly Finding[]): void => {
    findings.push(...found)
    if (!options.json) for (const finding of found) out(lineOf(finding))
  }
  try {
    await lookAtAll(options, closing, tell)
  } finally {
    await closing.close()
  }
  const bad = findings.filter(({ state }) => state === 'FAIL').length
  if (options.json) outJson({ ok: bad === 0, findings })
  else
    say(bad === 0 ? 'Nothing keeps a worker from its work.' : `${bad} of ${findings.length} findings are to be mended.`)
  if (bad > 0) process.exitCode = EXIT.no
}

/** `FAIL  ledger  lacks 0003_model_calls  -> Run …` */
const lineOf = ({ state, name, what, todo }: Finding): string =>
  `${state.padEnd(4)}  ${name.padEnd(17)}  ${plain(what)}${todo === undefined ? '' : `  -> ${plain(todo)}`}`

async function lookAtAll(
  options: DoctorOptions,
  closing: Closing,
  tell: (found: readonly Finding[]) => void,
): Promise<void> {
  const { stateDir, taskQueue } = options
  const deployment = namedDeployment(options)
  let project: Project | undefined
  let temporal: { readonly connection: Connection; readonly place: TemporalPlace } | undefined
  let database: { readonly db: LedgerDatabase; readonly place: DatabasePlace } | undefined
  const none: readonly Finding[] = []

  tell(
    await looked('project', async () => {
      project = (await loadProject(options.config)).project
      return none
    }),
  )
  const looksGood = project === undefined ? undefined : await lookAtProject(project, options.bundle)
  tell(looksGood?.findings ?? none)
  const found = project
  if (found !== undefined) tell(await looked('exports', () => lookAtExports(found, options.exports)))

  tell(
    await looked('temporal', async () => {
      const place = await findTemporal(stateDir)
      const connection = await connectClient(place)
      closing.add(() => connection.close())
      temporal = { connection, place }
      return none
    }),
  )
  if (temporal !== undefined) {
    const buildId = looksGood?.buildId
    const version = buildId === undefined ? undefined : { deployment, buildId }
    tell(await lookAtTemporal(temporal.connection, temporal.place, { version, deployment, taskQueue }))
  }

  tell(
    await looked('database', async () => {
      const place = await findDatabase(stateDir)
      const db = await connectDatabase(place, { max: 2 })
      closing.add(() => db.destroy())
      database = { db, place }
      return none
    }),
  )
  const ledger = database === undefined ? none : await lookAtDatabase(database.db, database.place)
  tell(ledger)
  const isSetUp = ledger.some(({ name, state }) => name === 'ledger' && state === 'ok')

  const ledgerDb = isSetUp ? database?.db : undefined
  if (ledgerDb !== undefined) tell(await looked('outbox', () => lookAtOutbox(ledgerDb)))

  const namespace = temporal?.place.namespace
  if (ledgerDb !== undefined && namespace !== undefined)
    tell(await looked('seals', () => lookAtSeals(ledgerDb, namespace, taskQueue)))

  tell(await looked('key', () => lookAtKey(stateDir, ledgerDb)))
  tell(await looked('master-keys', () => lookAtMasterKeys(ledgerDb)))
  if (project !== undefined) tell(await lookAtModels(project, options.model))
}
