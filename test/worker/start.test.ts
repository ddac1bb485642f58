import { expect, test } from 'vitest'
import { z } from 'zod'
import { failureOf } from '../../src/contract/failures.ts'
import type { Json } from '../../src/contract/json.ts'
import { MAX_START_CHARACTERS } from '../../src/contract/limits.ts'
import type { PlaybookContract } from '../../src/contract/playbook.ts'
import { parseStart } from '../../src/worker/start.ts'

const request = z.strictObject({ order: z.string(), note: z.string().optional() })
const plain: PlaybookContract<typeof request> = {
  name: 'grow_team',
  title: 'Grow a team',
  request,
  tools: [],
  thoughts: [],
}
const byOrder = { ...plain, businessKey: ({ order }: { readonly order: string }) => order }

/** The start of a request; whether the statement is true is looked at later. */
const start = (given: Json, workspace = 'acme'): Json => ({ request: given, statement: { about: { workspace } } })
const keyOf = (given: Json, workspace?: string, of: PlaybookContract = byOrder) =>
  parseStart(start(given, workspace), of).businessKey

/** What a start is refused with. */
const refusalOf = (of: PlaybookContract, given: Json = { order: 'one' }) => {
  try {
    parseStart(start(given), of)
  } catch (error) {
    return failureOf(error)
  }
  return undefined
}

test('a business key is a digest of workspace, playbook and what the playbook calls the case', () => {
  const key = keyOf({ order: 'one' })
  expect(key).toMatch(/^sha256:[0-9a-f]{64}$/)
  expect(keyOf({ order: 'one', note: 'please' })).toBe(key)
  const others = [
    keyOf({ order: 'two' }),
    keyOf({ order: 'one' }, 'other'),
    keyOf({ order: 'one' }, 'acme', { ...byOrder, name: 'shrink_team' }),
  ]
  expect(new Set([key, ...others]).size).toBe(4)
})

test('a playbook without one has cases of its own', () => {
  expect(keyOf({ order: 'one' }, 'acme', plain)).toBe(null)
})

test.each([
  ['nothing', () => undefined],
  ['an empty text', () => ''],
  ['a number', () => 7],
  ['a promise', () => Promise.resolve('one')],
  ['501 characters', () => 'x'.repeat(501)],
  ['half a character', () => '\ud800'],
])('a business key that is %s makes the request invalid', (_, businessKey) => {
  expect(refusalOf({ ...plain, businessKey: businessKey as () => string })).toMatchObject({
    code: 'request_invalid',
    message: expect.stringContaining('the business key of the request'),
  })
})

test('a business key that throws makes the request invalid', () => {
  const businessKey = () => {
    throw new RangeError('no such order')
  }
  expect(refusalOf({ ...plain, businessKey })).toMatchObject({
    code: 'request_invalid',
    message: expect.stringContaining('RangeError: no such order'),
  })
})

test('a start at the limit is taken, and one past it is not', () => {
  const { length } = JSON.stringify({ order: '' })
  const most = MAX_START_CHARACTERS - length
  expect(refusalOf(plain, { order: 'x'.repeat(most) })).toBe(undefined)
  expect(refusalOf(plain, { order: 'x'.repeat(most + 1) })).toMatchObject({
    code: 'request_invalid',
    message: `the request has ${MAX_START_CHARACTERS + 1} characters; at most ${MAX_START_CHARACTERS} are taken`,
  })
})
