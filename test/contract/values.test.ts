import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson, digestOf, isDigest } from '../../src/contract/digest.ts'
import { codeOf, fail, failureOf } from '../../src/contract/failures.ts'
import { shortened } from '../../src/contract/plain-text.ts'
import { formatMicroUsd, formatMoney, isMoney, money, parseMoney, usd } from '../../src/contract/money.ts'

describe('money', () => {
  test.each([
    ['12', 1200],
    ['12.5', 1250],
    ['12.50', 1250],
    ['0.01', 1],
    ['-3.07', -307],
    [12.5, 1250],
    [0.29, 29],
    ['9999999999999.99', 999_999_999_999_999],
  ])('%s is read exactly as %i cents', (text, cents) => {
    expect(parseMoney('USD', text)).toEqual({ currency: 'USD', cents })
  })

  test.each(['', '1.234', '1e3', '1,000', '$5', 'NaN', '١٢', ' 1', '0x10', Number.NaN, Infinity, 1e21, 0.1 + 0.2])(
    '%s is no amount',
    (text) => {
      expect(() => parseMoney('USD', text)).toThrow(RangeError)
    },
  )

  test('every amount is written so that it reads back as itself', () => {
    fc.assert(
      fc.property(fc.integer({ min: -99_999_999, max: 99_999_999 }), (cents) => {
        const written = formatMoney(usd(cents)).replace('$', '').replaceAll(',', '')
        expect(parseMoney('USD', written)).toEqual(usd(cents))
      }),
    )
  })

  test.each([1.5, Number.NaN, Infinity, 2 ** 60])('%s is no number of cents', (cents) => {
    expect(() => money('USD', cents)).toThrow(RangeError)
  })

  test('a bare number, another currency or a further field is not money', () => {
    expect([20, '20', { cents: 20 }, { currency: 'XXX', cents: 1 }, { ...usd(1), more: 1 }].map(isMoney)).toEqual(
      Array.from({ length: 5 }, () => false),
    )
  })

  test('model spend is shown rounded up, never as less than it was', () => {
    expect([0, 1, 100, 101, 4_200, 1_234_567].map(formatMicroUsd)).toEqual([
      '$0.0000',
      '$0.0001',
      '$0.0001',
      '$0.0002',
      '$0.0042',
      '$1.2346',
    ])
  })
})

describe('digests', () => {
  test('the order of keys does not matter, everything else does', () => {
    expect(digestOf({ a: 1, b: [1, 2] })).toBe(digestOf({ b: [1, 2], a: 1 }))
    const others = [{ a: 1, b: [2, 1] }, { a: '1', b: [1, 2] }, { a: 1 }, [1, 2]]
    expect(new Set([{ a: 1, b: [1, 2] }, ...others].map(digestOf)).size).toBe(5)
    expect(isDigest(digestOf(null))).toBe(true)
  })

  test.each([Number.NaN, Infinity, undefined, '\ud800', { deep: ['\udc00'] }])('%s cannot be digested', (value) => {
    expect(() => canonicalJson(value)).toThrow(/./)
  })
})

describe('failures', () => {
  test('a failure is found by its code, however deep it lies and whatever class the wire made of it', () => {
    const wired = {
      message: 'Activity task failed',
      cause: { type: 'world_moved', message: 'it did', details: [{ a: 1 }] },
    }
    expect(failureOf(wired)).toEqual({ code: 'world_moved', message: 'it did', details: { a: 1 } })
    expect(codeOf(new AggregateError([new Error('x'), fail('not_found', 'gone')]))).toBe('not_found')
  })

  test('a cause that leads back to itself ends the search', () => {
    const error = new Error('round')
    error.cause = error
    expect(failureOf(error)).toBeUndefined()
  })

  test('a code decides whether Temporal tries again, and whether the failure counts as an error', () => {
    expect(fail('tool_unavailable', 'x').nonRetryable).toBe(false)
    expect(fail('precondition_failed', 'x')).toMatchObject({ nonRetryable: true, category: undefined })
    expect(fail('denied_by_policy', 'x').category).toBe('BENIGN')
  })
})

describe('texts', () => {
  test('a text cut in the middle of a character is still well-formed', () => {
    expect(shortened('ab😀', 3)).toBe('ab\ufffd')
    expect(fail('tool_failed', `${'a'.repeat(3_999)}😀`).message.isWellFormed()).toBe(true)
  })
})
