import { type Currency, type Money, money, parseMoney } from '../../src/contract/money.ts'

const SPELLED: Record<Currency, { readonly symbol: string; readonly words: string }> = {
  USD: { symbol: '(?:US)?\\$', words: 'USD|(?:US )?dollars?' },
  EUR: { symbol: '€', words: 'EUR|euros?' },
  GBP: { symbol: '£', words: 'GBP|pounds?(?: sterling)?' },
}

// The look-ahead takes digits and separators as a whole: `$20.005` must not be read as `$20.00`.
const NUMBER = '(?=(\\d[\\d.,]*))\\1'
const BEFORE = '(?<![\\p{L}\\d.,$€£-])'
const AFTER = '(?![\\p{L}\\d]|\\s?[-–]\\s?\\d)'

const mentions = ({ symbol, words }: { symbol: string; words: string }) => [
  new RegExp(`${BEFORE}(?:(?:${words})\\s?)?${symbol}\\s?${NUMBER}${AFTER}`, 'giu'),
  new RegExp(`${BEFORE}(?:${words})\\s?${NUMBER}${AFTER}`, 'giu'),
  new RegExp(`${BEFORE}${NUMBER}\\s?(?:${words}|${symbol})(?![\\p{L}\\d])`, 'giu'),
]

const PLAIN = /^\d{1,9}(?:\.\d{1,2})?$/
const GROUPED = /^\d{1,3}(?:,\d{3}){1,2}(?:\.\d{1,2})?$/

/** Cents, or `undefined` when the digits are no amount with at most two decimals. */
function centsOf(digits: string, currency: Currency): number | undefined {
  const number = digits.replace(/[.,]+$/, '')
  if (!PLAIN.test(number) && !GROUPED.test(number)) return undefined
  return parseMoney(currency, number.replaceAll(',', '')).cents
}

/**
 * The one amount in a currency that a text speaks of: `$20`, `20.00 USD`, `USD 20`, `20 dollars`. `null` when there
 * is none, when there are several, and when one of them cannot be read exactly (three decimals, `20,00`). Zero is no
 * amount to ask for and is passed over.
 */
export function amountIn(text: string, currency: Currency): Money | null {
  const found = new Set<number | undefined>()
  for (const mention of mentions(SPELLED[currency])) {
    for (const match of text.matchAll(mention)) found.add(centsOf(match[1] ?? '', currency))
  }
  found.delete(0)
  const [cents] = found
  return found.size === 1 && cents !== undefined ? money(currency, cents) : null
}
