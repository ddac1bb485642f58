import { expect, test } from 'vitest'
import { hostKeyOf, newHostKey, verifierOf } from '../../src/identity/host-key.ts'

const key = hostKeyOf(newHostKey())
const signature = key.sign('what was read')

test('a key verifies what it signed, and so does its public half', () => {
  expect(key.verify('what was read', signature)).toBe(true)
  expect(verifierOf(key.publicKey)('what was read', signature)).toBe(true)
})

test('a signature that is remembered is one of its own text only', () => {
  expect(key.verify('what was not read', signature)).toBe(false)
  const other = key.sign('something else')
  expect(key.verify('what was read', other)).toBe(false)
  expect(key.verify('what was read', '')).toBe(false)
})

test('what another key signed is not verified, though the text is the same', () => {
  const stranger = hostKeyOf(newHostKey())
  expect(key.verify('what was read', stranger.sign('what was read'))).toBe(false)
  expect(stranger.verify('what was read', signature)).toBe(false)
})

test('a signature that is not remembered any more is verified all the same', () => {
  for (let number = 0; number < 2_500; number++) key.sign(String(number))
  expect(key.verify('what was read', signature)).toBe(true)
  expect(key.verify('what was not read', signature)).toBe(false)
})
