// accepted
import { expect, test } from 'vitest'

const expectOne = (value: number): void => expect(value, 'one').toBe(1)

test('one is one', () => {
  expectOne(1)
})
