import { afterAll, beforeAll, inject } from 'vitest'
import { SEARCH_ATTRIBUTES } from '../../src/contract/wire.ts'
import { startTemporal, type TemporalServer } from '../../src/embedded/index.ts'

/**
 * A dev server for a test file, with settings of its own: each as `name=value`. Answers with its address. `dbFile`: where it keeps what it
 * knows; default: in memory.
 */
export function useOwnServer(
  dynamicConfig: readonly string[],
  { dbFile }: { readonly dbFile?: string } = {},
): () => string {
  let server: TemporalServer | undefined
  beforeAll(async () => {
    server = await startTemporal({
      executable: inject('temporalCli'),
      headless: true,
      ...(dbFile !== undefined && { dbFile }),
      dynamicConfig,
      searchAttributes: Object.values(SEARCH_ATTRIBUTES).map(({ name, type }) => ({
        name,
        type: type === 'INT' ? 'Int' : 'Keyword',
      })),
    })
  })
  afterAll(async () => {
    await server?.stop()
  })
  return () => {
    if (server === undefined) throw new Error('the server was not started')
    return server.address
  }
}
