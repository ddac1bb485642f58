import { temporal } from '@temporalio/proto'
import { TestWorkflowEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll } from 'vitest'
import { SEARCH_ATTRIBUTES } from '../../src/contract/wire.ts'
import { timeSkippingServer } from '../../src/embedded/index.ts'

const { INDEXED_VALUE_TYPE_INT, INDEXED_VALUE_TYPE_KEYWORD } = temporal.api.enums.v1.IndexedValueType

/**
 * A server for a test file that skips what nobody does anything in, while somebody waits for a `result()` or in its
 * `sleep`. It knows the search attributes of runs; it cannot list runs. One test at a time: its clock is for all.
 */
export function useTimeSkipping(): () => TestWorkflowEnvironment {
  let environment: TestWorkflowEnvironment | undefined
  beforeAll(async () => {
    environment = await TestWorkflowEnvironment.createTimeSkipping({
      server: { executable: { type: 'existing-path', path: await timeSkippingServer() } },
    })
    await environment.connection.operatorService.addSearchAttributes({
      namespace: 'default',
      searchAttributes: Object.fromEntries(
        Object.values(SEARCH_ATTRIBUTES).map(({ name, type }) => [
          name,
          type === 'INT' ? INDEXED_VALUE_TYPE_INT : INDEXED_VALUE_TYPE_KEYWORD,
        ]),
      ),
    })
  })
  afterAll(async () => {
    await environment?.teardown()
  })
  return () => {
    if (environment === undefined) throw new Error('the time-skipping server was not started')
    return environment
  }
}
