import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { SEARCH_ATTRIBUTES } from '../../src/contract/wire.ts'
import { startPostgres, startTemporal, temporalCli } from '../../src/embedded/index.ts'

declare module 'vitest' {
  interface ProvidedContext {
    temporalAddress: string
    temporalCli: string
    databaseUrl: string
  }
}

/** One Temporal dev server and one PostgreSQL for all test files; each file makes its own database and task queue. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'countersign-tests-'))
  const executable = await temporalCli()
  const [temporal, postgres] = await Promise.all([
    startTemporal({
      executable,
      headless: true,
      searchAttributes: Object.values(SEARCH_ATTRIBUTES).map(({ name, type }) => ({
        name,
        type: type === 'INT' ? 'Int' : 'Keyword',
      })),
    }),
    startPostgres({ dataDir: join(dir, 'postgres') }),
  ])
  project.provide('temporalAddress', temporal.address)
  project.provide('temporalCli', executable)
  project.provide('databaseUrl', postgres.url)
  return async () => {
    await Promise.all([temporal.stop(), postgres.stop()])
    await rm(dir, { recursive: true, force: true })
  }
}
