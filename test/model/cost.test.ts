import { expect, test } from 'vitest'
import { costMicroUsd, estimateTokens } from '../../src/tools/models/cost.ts'

test.each([
  [0, 0, 0],
  [1, 0, 1],
  [1_000_000, 0, 150_000],
  [20, 0, 3],
  [21, 0, 4],
  [1234, 57, 220],
  [9_000_000_000_000, 3, 1_350_000_000_002],
])('%i tokens in and %i out cost %i micro-dollars: exact, then rounded up', (input, output, microUsd) => {
  expect(costMicroUsd({ inputMicroUsdPerMillion: 150_000, outputMicroUsdPerMillion: 600_000 }, input, output)).toBe(
    microUsd,
  )
})

test.each([
  ['', 1000],
  ['abc', 1002],
  ['abcd', 1002],
  ['a b c', 1003],
  ['ABC', 1003],
  ['123', 1003],
  ['退款', 1006],
  ['😀', 1004],
])('`%s` is estimated at %i tokens with the frame around it', (text, tokens) => {
  expect(estimateTokens(text)).toBe(tokens)
})
