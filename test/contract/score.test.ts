import fc from 'fast-check'
import { expect, test } from 'vitest'
import { robustScore } from '../../src/contract/score.ts'

test.each([
  ['the median itself', 2_000, [1_900, 2_000, 2_100], { median: 4_000, score: 0 }],
  ['one distance away', 2_100, [1_900, 2_000, 2_100], { median: 4_000, score: 67 }],
  ['far away', 4_900, [4_500, 2_000, 1_900, 2_000, 2_100], { median: 4_000, score: 1_956 }],
  ['below as well as above', 0, [1_900, 2_000, 2_100], { median: 4_000, score: 1_348 }],
  ['between two in the middle', 3, [1, 2, 3, 4], { median: 5, score: 33 }],
  // More than half alike: the mean distance of 20 instead.
  ['more than half alike', 200, [100, 100, 100, 100, 200], { median: 200, score: 398 }],
  ['all alike, and this one, too', 100, [100, 100, 100], { median: 200, score: 0 }],
  ['all alike, and this one not', 101, [100, 100, 100], { median: 200, score: null }],
])('an amount is as unusual as it is far from the median in median distances: %s', (_what, amount, samples, is) => {
  expect(robustScore(amount, samples)).toEqual(is)
})

const amounts = fc.array(fc.integer({ min: 0, max: 10_000_000 }), { minLength: 5, maxLength: 60 })

test('the score is that of the formula, and whoever is ordered otherwise has the same', () => {
  const median = (of: readonly number[]) => {
    const sorted = of.toSorted((a, b) => a - b)
    const half = sorted.length / 2
    return sorted.length % 2 === 1
      ? (sorted[Math.floor(half)] ?? 0)
      : ((sorted[half - 1] ?? 0) + (sorted[half] ?? 0)) / 2
  }
  fc.assert(
    fc.property(amounts, fc.integer({ min: 0, max: 10_000_000 }), (samples, amount) => {
      const middle = median(samples)
      const mad = median(samples.map((one) => Math.abs(one - middle)))
      const { score } = robustScore(amount, samples)
      expect(robustScore(amount, samples.toReversed()).score).toBe(score)
      if (mad === 0) return
      const wanted = (100 * Math.abs(amount - middle)) / (1.4826 * mad)
      expect(Math.abs((score ?? -1) - wanted)).toBeLessThanOrEqual(1.000_001)
    }),
    { numRuns: 2_000 },
  )
})
