import { expect, test } from 'vitest'
import { shellWord } from '../../src/contract/text.ts'
import { tableOf } from '../../src/cli/table.ts'
import { jsonOf, plain } from '../../src/cli/terminal.ts'

test('what a customer wrote cannot move the cursor, colour, reverse or break a line that an approver reads', () => {
  expect(plain('refund \u001B[2K\u001B[1A$1.00')).toBe('refund  [2K [1A$1.00')
  expect(plain('one\r\ntwo\u2028three\u0085four')).toBe('one two three four')
  expect(plain('\u202E00.1$\u202C\u200B!')).toBe('00.1$!')
  expect(plain('\u009B31mred')).toBe('31mred')
})

test('JSON is the same value, and safe to look at', () => {
  const value = { text: 'a\u009B31m\u202E\u{E0041}\n“é”' }
  expect(jsonOf(value)).toBe('{\n  "text": "a\\u009b31m\\u202e\\udb40\\udc41\\n“é”"\n}')
  expect(JSON.parse(jsonOf(value))).toEqual(value)
})

test('a word that a shell would take apart is quoted', () => {
  expect(shellWord('refund-1')).toBe('refund-1')
  expect(shellWord("it's; rm -rf")).toBe(String.raw`'it'\''s; rm -rf'`)
  expect(shellWord('')).toBe("''")
})

test('the columns of a table are as wide as they have to be', () => {
  expect(
    tableOf([
      ['A', 'B', 'C'],
      ['long', '', 'x'],
    ]),
  ).toEqual(['A     B  C', 'long     x'])
})
