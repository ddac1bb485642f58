import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { literalsIn } from './literals.ts'

const home = join(import.meta.dirname, '..', '..')
const sourcesIn = (folder: string, pattern: RegExp): readonly string[] =>
  readdirSync(join(home, folder))
    .filter((name) => pattern.test(name))
    .map((name) => join(home, folder, name))

/** What nobody is ever told, and why. */
const NEVER_TOLD: ReadonlyMap<string, string> = new Map([
  ['one or list', 'names a kind of operand'],
  ['unknown error', 'every error of the file system has a code'],
  ['it cannot be read', 'every mistake that the CEL parser finds has a summary'],
])

/** What people read: some words in a row. */
const isTold = (part: string): boolean => /[a-z`,:.]{2,} [a-z`]{2,}/i.test(part)

/** What the loader and the checker can say, as the parts that stand in their sources. */
const told = (source: string): readonly string[] =>
  literalsIn(source)
    .flat()
    .filter(isTold)
    .map((part) => part.trim())

/** What the tests of errors expect, to the letter: each asserts whole messages. */
const expected = [
  ...sourcesIn(
    'test/policy',
    /^(refused|doubts|parse|files|region|rules|cel|limits|autonomy|trust|tables|operators|text)\S*\.test\.ts$/,
  ),
  ...sourcesIn('test/cli', /^policy-\S+\.test\.ts$/),
  ...sourcesIn('test/identity', /^mapping-file\.test\.ts$/),
].flatMap((file) => literalsIn(readFileSync(file, 'utf8')).flat())

const untested = (parts: readonly string[]): readonly string[] =>
  [...new Set(parts)].filter((part) => !NEVER_TOLD.has(part) && !expected.some((text) => text.includes(part)))

test.each(['src/policy/load', 'src/policy/analyse'])('whatever %s can say, a test expects', (folder) => {
  const parts = sourcesIn(folder, /\.ts$/).flatMap((file) => told(readFileSync(file, 'utf8')))
  expect(parts.length).toBeGreaterThan(40)
  expect(untested(parts)).toEqual([])
})

test('a message without a test is found: its fixed parts, in a template, a condition, a join of texts', () => {
  const source =
    "report.at(0, `the key ${quoted(name)} is odd to read${x ? ` as nobody ${y} expects it` : ''}.`, 'say some' + 'thing else, somehow.')"
  expect(untested(told(source))).toEqual(['as nobody', 'expects it', 'is odd to read', 'say something else, somehow.'])
})

test('texts are read out of TypeScript as they are: escapes, templates in templates, comments, expressions', () => {
  const source = [
    "const a = 'it\\'s `so`' // 'no text'",
    'const b = `x ${c ? `y ${d}` : /["`]/.test(e)} z\\n` + `more`',
    "/* 'none' */ const f = g / 2 + '!' + h / 3",
  ].join('\n')
  expect(literalsIn(source)).toEqual([["it's `so`"], ['y ', ''], ['x ', ' z\nmore'], ['!']])
})
