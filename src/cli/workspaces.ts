import { existsSync } from 'node:fs'
import {
  databaseName,
  type Place,
  readWorkspaces,
  Residency,
  type Workspaces,
  WorkspacesError,
} from '../privacy/residency.ts'
import { CliError, printRefusal } from './errors.ts'
import { EXIT } from './exit.ts'
import { failureOf, failureRule } from '../contract/failures.ts'
import type { JsonOption } from './options.ts'
import { outJson, plain, say } from './terminal.ts'

const DEFAULT_FILE = 'workspaces.yaml'

/**
 * Where workspaces are at home: by the file that is named, by COUNTERSIGN_WORKSPACES, or by `workspaces.yaml` where there is one.
 * `undefined`: there is none, and nothing is bound. Fails with `config_invalid`.
 */
export function findWorkspaces(named?: string): Workspaces | undefined {
  const variable = process.env['COUNTERSIGN_WORKSPACES']
  const file =
    named ?? (variable === '' ? undefined : variable) ?? (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined)
  return file === undefined ? undefined : asConfig(() => readWorkspaces(file))
}

/** Keeps what a command shows or exports where it is at home; `undefined`: nothing is bound. */
export function residencyAt(
  place: Omit<Place, 'database'> & { readonly databaseUrl?: string | undefined },
): Residency | undefined {
  const workspaces = findWorkspaces()
  if (workspaces === undefined) return undefined
  const { databaseUrl, ...more } = place
  const database = databaseUrl === undefined ? undefined : asConfig(() => databaseName(databaseUrl))
  return new Residency(workspaces, { ...more, database })
}

export function asConfig<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof WorkspacesError)) throw error
    throw new CliError('config_invalid', error.message, 'Mend it as docs/privacy.md says.')
  }
}

/** Refuses to show what is at home elsewhere. Whether it did. */
export function refusesElsewhere(
  residency: Residency | undefined,
  workspace: string | null,
  { json }: JsonOption,
): boolean {
  try {
    residency?.check(workspace)
    return false
  } catch (error) {
    const failure = failureOf(error)
    if (failure?.code !== 'workspace_elsewhere') throw error
    const { code, message } = failure
    if (json) outJson({ refused: true, code, message })
    printRefusal(message, failureRule(code).help, code)
    process.exitCode = EXIT.no
    return true
  }
}

/** The URL of the database that a command would ask; `undefined`: it knows of none. */
export async function databaseUrlFrom(stateDir: string): Promise<string | undefined> {
  const { findDatabase } = await import('./where.ts')
  return (await findDatabase(stateDir).catch(() => undefined))?.url
}

/** Says that a run is not told of. */
export const sayLeftOut = (runKey: string): void => say(plain(`left out, since it is at home elsewhere: ${runKey}`))
