import { CURRENCIES, type Currency, type Money, money, parseMoney } from '../../src/contract/money.ts'

const SPELLED: Record<Currency, { readonly symbol: string; readonly words: string }> = {
  USD: { symbol: '(?:US)?\\$', words: 'USD|(?:US )?dollars?' },
  EUR: { symbol: '€', words: 'EUR|euros?' },
  GBP: { symbol: '£', words: 'GBP|pounds?(?: sterling)?' },
}

// The look-ahead takes digits and separators as a whole: `$20.005` must not be read as `$20.00`.
const NUMBER = '(?=(\\d[\\d.,]*))\\1'
const BEFORE = '(?<![\\p{L}\\d.,\\p{Sc}-])'
const AFTER = '(?![\\p{L}\\d]|\\s?[-–]\\s?\\d)'

/** An amount beside its currency: `$20`, `$20 USD`, `USD 20`, `20 dollars`. */
const mentionsOf = ({ symbol, words }: { symbol: string; words: string }) => [
  new RegExp(`${BEFORE}(?:(?:${words})\\s?)?${symbol}\\s?${NUMBER}(?:\\s(?:${words}))?${AFTER}`, 'giu'),
  new RegExp(`${BEFORE}(?:${words})\\s?${NUMBER}${AFTER}`, 'giu'),
  new RegExp(`${BEFORE}${NUMBER}\\s?(?:${words}|${symbol})(?![\\p{L}\\d])`, 'giu'),
]

const word = (words: string): string => `(?<!\\p{L})(?:${words})(?!\\p{L})`
const OTHER_MONEY = 'francs?|yen|rupees?|cents?|pence|penny|bucks?|quid'
const SHARE = 'per ?cent|half|partial(?:ly)?|(?:a|one) (?:third|quarter)|(?:some|part) of (?:it|(?:my|the|our) money)'
const NUMERAL =
  'two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|' +
  'ninety|hundred|thousand'
const VERB = 'refund(?:ed|ing)?|reimburse|credit|return|repay|pay|paid|spent|give|want|need|owe|charged|cost'
const FILLER = 'me|us|back|only|just|exactly|about|around|at least|up to|of|for|the|a|an|my|is|was'

/** What speaks of an amount, however badly. The last ends where the amount begins. */
const SIGNS: readonly RegExp[] = [
  /\p{Sc}|\p{Nd}(?=\s?%|\s(?:back|refund)(?!\p{L}))/giu,
  /(?<![\p{L}\p{Nd}.,#_-])\p{Nd}[\p{Nd}.,]*[.,]\p{Nd}{2}(?![\p{L}\p{Nd}_]|[.,]\p{Nd})/gu,
  /(?<!\p{L})(?:CHF|JPY|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|CNY|INR)(?!\p{L})/gu,
  new RegExp(word([...CURRENCIES.map((each) => SPELLED[each].words), OTHER_MONEY, SHARE].join('|')), 'giu'),
  new RegExp(`${word(VERB)}(?:\\s(?:${FILLER})){0,4}[\\s:=-]{1,3}(?=\\p{Nd}|${word(NUMERAL)})`, 'giu'),
]

const PLAIN = /^(?:0|[1-9]\d{0,8})(?:\.\d{1,2})?$/
const GROUPED = /^[1-9]\d{0,2}(?:,\d{3}){1,2}(?:\.\d{1,2})?$/

/** Cents above zero, or `undefined` when the digits are no such amount with at most two decimals. */
function centsOf(digits: string, currency: Currency): number | undefined {
  const number = digits.replace(/[.,]+$/, '')
  if (!PLAIN.test(number) && !GROUPED.test(number)) return undefined
  const { cents } = parseMoney(currency, number.replaceAll(',', ''))
  return cents > 0 ? cents : undefined
}

/** How much is asked for, and the amount where it is one. */
export type Asked =
  | { readonly asksFor: 'amount'; readonly amount: Money }
  | { readonly asksFor: 'everything' | 'unclear'; readonly amount: null }

const UNCLEAR: Asked = { asksFor: 'unclear', amount: null }

/**
 * How much of an order in this currency a text asks for. `amount`: all that it says of money is one and the same
 * amount, such as `$20`, `20.00 USD`, `USD 20`, `20 dollars`. `everything`: it speaks of no amount. `unclear`: anything
 * else, such as several amounts, three decimals, `20,00`, nothing, less than nothing, another currency, half of it.
 */
export function askedIn(text: string, currency: Currency): Asked {
  if (text.trim() === '') return UNCLEAR
  const mentions = mentionsOf(SPELLED[currency]).flatMap((pattern) => [...text.matchAll(pattern)])
  const read = new Set(mentions.flatMap(({ index, 0: { length } }) => Array.from({ length }, (_, at) => index + at)))
  const signs = SIGNS.flatMap((pattern, kind) =>
    [...text.matchAll(pattern)].map(({ index, 0: { length } }) => (kind === SIGNS.length - 1 ? index + length : index)),
  )
  if (mentions.length === 0 && signs.length === 0) return { asksFor: 'everything', amount: null }
  const amounts = new Set(mentions.map(([, digits = '']) => centsOf(digits, currency)))
  const [cents] = amounts
  const isOne = amounts.size === 1 && cents !== undefined && signs.every((at) => read.has(at))
  return isOne ? { asksFor: 'amount', amount: money(currency, cents) } : UNCLEAR
}
