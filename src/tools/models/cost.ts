import type { ModelPrice } from './config.ts'

/** What the endpoint adds around the two messages and the schema: role marks and its own wording. */
const FRAME_TOKENS = 100

const MILLION = 1_000_000n

/**
 * How many tokens a request may take as input. Tokenizers put about four characters of English prose into a token;
 * this counts three lower-case letters or spaces to a token, and every byte of anything else (capitals, digits,
 * punctuation, other scripts) as one, since digits, hashes and scripts like Chinese take up to a token a byte.
 * So it counts too many for prose and JSON. Only letters that form no words can make it too few, by at most three.
 */
export function estimateTokens(...texts: readonly string[]): number {
  let letters = 0
  let bytes = FRAME_TOKENS
  for (const text of texts) {
    const others = text.replace(/[a-z ]/g, '')
    letters += text.length - others.length
    bytes += Buffer.byteLength(others)
  }
  return bytes + Math.ceil(letters / 3)
}

/** What tokens cost in whole micro-dollars, rounded up; exact up to there. Tokens are whole and not negative. */
export function costMicroUsd(price: ModelPrice, inputTokens: number, outputTokens: number): number {
  const input = BigInt(inputTokens) * BigInt(price.inputMicroUsdPerMillion)
  const output = BigInt(outputTokens) * BigInt(price.outputMicroUsdPerMillion)
  return Number((input + output + MILLION - 1n) / MILLION)
}

/** What a call used and cost: on the record of a run, and in the details of a call that cost and failed. */
export interface Usage {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly microUsd: number
}

export const usageOf = (price: ModelPrice, inputTokens: number, outputTokens: number): Usage => ({
  inputTokens,
  outputTokens,
  microUsd: costMicroUsd(price, inputTokens, outputTokens),
})
