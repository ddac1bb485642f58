import { randomBytes } from 'node:crypto'
import { access, chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { PostgresPlace } from './postgres-place.ts'
import { giveTo } from './run-as.ts'
import { runCommand } from './run-command.ts'
import { reasonOf, StackError } from './stack-error.ts'

/** The superuser of every cluster made here. */
export const CLUSTER_USER = 'countersign'

const INIT_TIMEOUT_MS = 120_000

/**
 * Makes the cluster in `dataDir` unless it is there, and returns its password. The password is random, made with the
 * cluster and kept in `<dataDir>.password` (mode 0600). The cluster is made under another name and renamed when
 * complete, so that a killed start leaves nothing half made. Fails with `postgres_failed`: initdb's reason, a
 * directory that holds something else, or a cluster whose password file is gone.
 */
export async function ensureCluster(dataDir: string, place: PostgresPlace): Promise<string> {
  const passwordFile = `${dataDir}.password`
  if (await exists(join(dataDir, 'PG_VERSION'))) return await readPassword(passwordFile, dataDir)
  const strangers = await readdir(dataDir).catch(() => [])
  if (strangers.length > 0) {
    throw new StackError(
      'postgres_failed',
      `\`${dataDir}\` is not a PostgreSQL data directory and not empty.`,
      'Choose another state directory, or move its content away.',
    )
  }
  const password = randomBytes(24).toString('base64url')
  await rm(passwordFile, { force: true })
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 })
  await giveTo(place.user, passwordFile)

  const unfinished = `${dataDir}.unfinished`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { mode: 0o700 })
  await giveTo(place.user, unfinished)
  await initdb(basename(unfinished), basename(passwordFile), place)
  await rm(dataDir, { recursive: true, force: true })
  await rename(unfinished, dataDir)
  return password
}

async function initdb(dataDir: string, passwordFile: string, place: PostgresPlace): Promise<void> {
  const { binaries, folder, user } = place
  const where = ['--pgdata', join(folder, dataDir), '--pwfile', join(folder, passwordFile), '--username', CLUSTER_USER]
  const how = ['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C', '--no-instructions']
  // npm keeps the executable bit, but not every archive that a checkout travels in does.
  for (const file of [binaries.initdb, binaries.postgres]) {
    await chmod(file, 0o755).catch(() => undefined)
  }
  await runCommand(binaries.initdb, [...where, ...how], {
    env: process.env,
    cwd: dirname(binaries.initdb),
    timeoutMs: INIT_TIMEOUT_MS,
    ...user,
  }).catch((error: unknown) => {
    throw new StackError(
      'postgres_failed',
      `PostgreSQL could not make a cluster: ${reasonOf(error)}`,
      'If a library is missing, let its install script run: `npm rebuild --foreground-scripts`.',
      { cause: error },
    )
  })
}

async function readPassword(passwordFile: string, dataDir: string): Promise<string> {
  try {
    return (await readFile(passwordFile, 'utf8')).trim()
  } catch (error) {
    throw new StackError(
      'postgres_failed',
      `The cluster in \`${dataDir}\` has lost its password file \`${passwordFile}\`.`,
      'Put the file back, or remove the data directory to start with an empty database.',
      { cause: error },
    )
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}
