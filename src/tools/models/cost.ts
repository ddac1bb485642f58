import type { Usage } from '../../contract/calls.ts'
import type { ModelPrice } from './config.ts'

/**
 * What a provider adds to a request: role marks, and its own words about the form of the answer or the tool that it is
 * given through; the largest published figure is some 800.
 */
const FRAME_TOKENS = 1000

const MILLION = 1_000_000n

/**
 * How many tokens a request may take as input. Tokenizers put three to five characters of English prose into a token;
 * this counts two lower-case letters or spaces to a token, and every byte of anything else (capitals, digits,
 * punctuation, other scripts) as one, since digits, hashes and scripts like Chinese take up to a token a byte.
 * So it counts too many for prose and JSON. Only letters that form no words can make it too few, by at most two.
 */
export function estimateTokens(...texts: readonly string[]): number {
  let letters = 0
  let bytes = FRAME_TOKENS
  for (const text of texts) {
    const others = text.replace(/[a-z ]/g, '')
    letters += text.length - others.length
    bytes += Buffer.byteLength(others)
  }
  return bytes + Math.ceil(letters / 2)
}

/** What tokens cost in whole micro-dollars, rounded up; exact up to there. Tokens are whole and not negative. */
export function costMicroUsd(price: ModelPrice, inputTokens: number, outputTokens: number): number {
  const input = BigInt(inputTokens) * BigInt(price.inputMicroUsdPerMillion)
  const output = BigInt(outputTokens) * BigInt(price.outputMicroUsdPerMillion)
  return Number((input + output + MILLION - 1n) / MILLION)
}

/** Tokens with what they cost at a price. */
export const usageOf = (price: ModelPrice, inputTokens: number, outputTokens: number): Usage => ({
  inputTokens,
  outputTokens,
  microUsd: costMicroUsd(price, inputTokens, outputTokens),
})

export const NOTHING_USED: Usage = { inputTokens: 0, outputTokens: 0, microUsd: 0 }

export const addUsage = (a: Usage, b: Usage): Usage => ({
  inputTokens: a.inputTokens + b.inputTokens,
  outputTokens: a.outputTokens + b.outputTokens,
  microUsd: a.microUsd + b.microUsd,
})
