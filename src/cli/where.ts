import { loadClientConnectConfig } from '@temporalio/envconfig'
import type { NativeConnectionOptions } from '@temporalio/worker'
import { runningStack, type StackInfo } from '../embedded/stack-file.ts'
import { CliError } from './errors.ts'

/** A Temporal and how it was found. */
export interface TemporalPlace {
  readonly address: string
  readonly namespace: string
  /** TLS, API key and headers, where a profile or the environment has them. */
  readonly options: Pick<NativeConnectionOptions, 'tls' | 'apiKey' | 'metadata'>
  /** `TEMPORAL_ADDRESS`, or which profile or stack named it. */
  readonly from: string
  /** Of the web UI; `null` when it is not known. */
  readonly uiUrl: string | null
}

/** A PostgreSQL and how it was found. `url` holds a password. */
export interface DatabasePlace {
  readonly url: string
  readonly from: string
}

const set = <T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== null)) as {
    [K in keyof T]?: NonNullable<T[K]>
  }

/** The Temporal that the environment or a profile of Temporal's own tools names; `undefined` when neither does. */
function configuredTemporal(): TemporalPlace | undefined {
  let config: ReturnType<typeof loadClientConnectConfig>
  try {
    config = loadClientConnectConfig()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const help = 'Mend the TEMPORAL_* variables or the file that TEMPORAL_CONFIG_FILE names.'
    throw new CliError('temporal_config_invalid', `Temporal's configuration cannot be used: ${reason}`, help)
  }
  const { address, tls, apiKey, metadata } = config.connectionOptions
  if (address === undefined || address === '') return undefined
  const profile = process.env['TEMPORAL_PROFILE'] ?? 'default'
  return {
    address,
    namespace: config.namespace ?? 'default',
    options: set({ tls, apiKey, metadata }),
    from: process.env['TEMPORAL_ADDRESS'] === address ? 'TEMPORAL_ADDRESS' : `Temporal profile \`${profile}\``,
    uiUrl: null,
  }
}

const ofStack = (stack: StackInfo, stateDir: string): TemporalPlace => ({
  address: stack.temporalAddress,
  namespace: stack.namespace,
  options: {},
  from: `the stack in \`${stateDir}\``,
  uiUrl: stack.uiUrl ?? null,
})

/**
 * Where Temporal is: what the environment or a profile names, else the stack that runs in the state directory.
 * Fails with `temporal_not_configured` and how to start one.
 */
export async function findTemporal(stateDir: string): Promise<TemporalPlace> {
  const configured = configuredTemporal()
  if (configured !== undefined) return configured
  const stack = await runningStack(stateDir)
  if (stack !== undefined) return ofStack(stack, stateDir)
  throw new CliError(
    'temporal_not_configured',
    `There is no Temporal to talk to: TEMPORAL_ADDRESS is not set, no profile names one, and no stack runs in \`${stateDir}\`.`,
    'Start one with `countersign dev` in this folder, or set TEMPORAL_ADDRESS.',
  )
}

/**
 * Where the database is: DATABASE_URL, else that of the stack that runs in the state directory. Fails with
 * `database_not_configured` and how to start one.
 */
export async function findDatabase(stateDir: string): Promise<DatabasePlace> {
  const url = process.env['DATABASE_URL']
  if (url !== undefined && url !== '') return { url, from: 'DATABASE_URL' }
  const stack = await runningStack(stateDir)
  if (stack !== undefined) return { url: stack.databaseUrl, from: `the stack in \`${stateDir}\`` }
  throw new CliError(
    'database_not_configured',
    `There is no database to talk to: DATABASE_URL is not set, and no stack runs in \`${stateDir}\`.`,
    'Start one with `countersign dev` in this folder, or set DATABASE_URL.',
  )
}

/** Host and name of a database, without user and password. */
export function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return 'a URL that cannot be read'
  const { host, pathname } = new URL(url)
  return `${host}${pathname}`
}
