// rejected by vitest/no-disabled-tests
import { expect, test } from 'vitest'

test.skip('nobody sees this', () => {
  expect(1).toBe(1)
})
