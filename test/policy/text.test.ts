import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { INVISIBLE, normaliseText } from '../../src/contract/plain-text.ts'

/** The planes in which letters have case or compatibility forms, or characters are invisible. */
const codePoints = [
  ...Array.from({ length: 0x20000 }, (_, code) => code),
  ...Array.from({ length: 0x1000 }, (_, at) => 0xe0000 + at),
]

describe('texts are compared', () => {
  test.each([
    ['in lower case', 'FRAUD', 'fraud'],
    ['with full-width letters as plain ones', 'ｆｒａｕｄ', 'fraud'],
    ['with mathematical letters as plain ones', '𝓯𝓻𝓪𝓾𝓭', 'fraud'],
    ['without zero-width spaces', 'fr\u200baud', 'fraud'],
    ['without zero-width joiners', 'fr\u200daud', 'fraud'],
    ['without a byte order mark inside', 'fr\ufeffaud', 'fraud'],
    ['without soft hyphens', 'fr\u00adaud', 'fraud'],
    ['without variation selectors', 'fr\ufe0faud', 'fraud'],
    ['without tag characters', 'fr\u{e0061}aud', 'fraud'],
    ['without control characters', 'fr\u0000a\u0007u\u001bd', 'fraud'],
    ['without marks of direction', 'fr\u202eaud', 'fraud'],
    ['with any white space as one space', 'a \t\n\u00a0\u2003\u2028\u0085b', 'a b'],
    ['trimmed', ' \u3000a b\n', 'a b'],
    ['with ß as ss', 'STRAẞE Straße', 'strasse strasse'],
    ['with one sigma', 'ΟΔΟΣ οδος', 'οδοσ οδοσ'],
    ['with ligatures taken apart', 'ﬁne', 'fine'],
    ['with composed accents', 'e\u0301', '\u00e9'],
    ['with letters of other scripts left alone', 'frаud', 'frаud'],
  ])('%s', (_rule, text, normal) => {
    expect(normaliseText(text)).toBe(normal)
  })

  test('of ASCII as any other text is', () => {
    const ascii = fc.string({ unit: fc.integer({ min: 0, max: 0x7f }).map((code) => String.fromCharCode(code)) })
    // What is invisible goes; with it in a text, the text is not all ASCII.
    fc.assert(
      fc.property(ascii, (text) => {
        expect(normaliseText(text)).toBe(normaliseText(`${text}\u200b`))
      }),
    )
  })

  test('without all that Unicode calls control, format or ignorable, white space apart', () => {
    const listed = new RegExp(`^[${INVISIBLE}]$`, 'u')
    const named = /^(?:[\p{Cf}\p{Default_Ignorable_Code_Point}]|(?!\p{White_Space})\p{Cc})$/u
    const missed = codePoints
      .map((code) => String.fromCodePoint(code))
      .filter((one) => named.test(one) && !listed.test(one))
    expect(missed).toEqual([])
  })

  test('the same after one normalisation as after two', () => {
    const changed = codePoints.filter((code) => {
      const once = normaliseText(`x${String.fromCodePoint(code)}y`)
      return normaliseText(once) !== once
    })
    expect(changed).toEqual([])
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const once = normaliseText(text)
        expect(normaliseText(once)).toBe(once)
      }),
      { numRuns: 5000, seed: 20261123 },
    )
  })

  test('the same in upper case as in lower case', () => {
    const different = codePoints.filter((code) => {
      const text = `x${String.fromCodePoint(code)}y`
      return new Set([text, text.toUpperCase(), text.toLowerCase()].map(normaliseText)).size > 1
    })
    expect(different).toEqual([])
  })

  test('by no regular expression whose meaning depends on a Unicode table: the bundler of the sandbox has another', () => {
    const folder = new URL('../../src/policy/decide/', import.meta.url)
    const named = readdirSync(folder).filter((file) => /\\p\{\w/i.test(readFileSync(new URL(file, folder), 'utf8')))
    expect(named).toEqual([])
  })
})
