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

/** Room for a deployment of each test file, and what is drained is found to be so at once and not in some minutes. */
const DYNAMIC_CONFIG = [
  'matching.maxDeployments=10000',
  'matching.wv.VersionDrainageStatusVisibilityGracePeriod="1s"',
  'matching.wv.VersionDrainageStatusRefreshInterval="1s"',
]

/** One Temporal dev server and one PostgreSQL for all test files; each file makes its own database and task queue. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'countersign-tests-'))
  const executable = await temporalCli()
  const [temporal, postgres] = await Promise.all([
    startTemporal({
      executable,
      headless: true,
      dynamicConfig: DYNAMIC_CONFIG,
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
