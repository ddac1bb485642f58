// rejected by vitest/expect-expect
import { test } from 'vitest'

test('a sum', () => {
  Math.abs(1)
})
