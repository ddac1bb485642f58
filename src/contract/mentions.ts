import { type Currency, type Money, parseMoney } from './money.ts'
import { normaliseText } from './plain-text.ts'

/** What a text speaks of that can be told by its form. Texts are looked at as `normaliseText` has them. */
export interface Mentions {
  /** In lower case. */
  readonly emails: readonly string[]
  /** Addresses on the web and other links, bare host names and IPv4 addresses among them; as far as they can be told. */
  readonly links: readonly string[]
  /** Digits alone: 13 to 19 of them that bear the check digit of a payment card. */
  readonly cardNumbers: readonly string[]
  /** `ord_1001`, for the prefixes that were asked for. */
  readonly ids: readonly string[]
  /** Amounts of money; `null`: one that is no amount with at most two decimals. */
  readonly amounts: readonly (Money | null)[]
}

const EMAIL = /[^\s@<>()[\],;:"'`]+@[^\s@<>()[\],;:"'`]*[^\s@<>()[\],;:"'`.!?]/g

// The top-level names that are no words of a sentence: `arrived.It` is a missing space, `evil.com` is not.
const NAMES =
  'com|net|org|info|biz|io|co|app|dev|page|site|shop|store|online|link|click|xyz|top|cloud|ai|me|ly|gl|cc|tv|gg|sh|' +
  'ru|cn|de|fr|uk|eu|pl|nl|br|jp|kr|ua|example|test|local|onion'
const HOST = '[a-z0-9-]+(?:\\.[a-z0-9-]+)*'
const LINK = new RegExp(
  [
    '[a-z][a-z0-9+.-]*:\\/\\/\\S+',
    '\\b(?:javascript|data|mailto|tel|sms|file|blob):\\S+',
    '\\/\\/[a-z0-9]\\S*',
    '\\bwww\\.\\S+',
    `\\b${HOST}\\.[a-z]{2,24}\\/\\S*`,
    `\\b${HOST}\\.(?:${NAMES})\\b`,
    '\\bxn--[a-z0-9-]+',
    '(?<![\\d.])\\d{1,3}(?:\\.\\d{1,3}){3}(?![\\d.]*\\d)',
  ].join('|'),
  'g',
)

const CARD = /(?<![a-z0-9])\d(?:[ .-]?\d){12,18}(?![a-z0-9])/g

/** Whether digits bear the check digit of ISO/IEC 7812 (Luhn). */
function hasCheckDigit(digits: string): boolean {
  let sum = 0
  for (const [at, digit] of digits.split('').toReversed().entries()) {
    const value = Number(digit) * (at % 2 === 1 ? 2 : 1)
    sum += value > 9 ? value - 9 : value
  }
  return sum % 10 === 0
}

const NUMBER = '(?<number>\\d[\\d.,]*)'
const SPELLED: Readonly<Record<Currency, string>> = {
  USD: '\\$|usd|(?:us )?dollars?|bucks?',
  EUR: '€|eur|euros?',
  GBP: '£|gbp|pounds?|quid',
}
const AMOUNT_PATTERNS = Object.entries(SPELLED).flatMap(([currency, spelled]) => [
  { currency: currency as Currency, pattern: new RegExp(`(?:${spelled}) ?${NUMBER}`, 'g') },
  { currency: currency as Currency, pattern: new RegExp(`${NUMBER} ?(?:${spelled})(?![a-z0-9])`, 'g') },
])
const PLAIN = /^\d{1,9}(?:\.\d{1,2})?$/
const GROUPED = /^\d{1,3}(?:,\d{3}){1,2}(?:\.\d{1,2})?$/

function amountOf(currency: Currency, digits: string): Money | null {
  const number = digits.replace(/[.,]+$/, '')
  return PLAIN.test(number) || GROUPED.test(number) ? parseMoney(currency, number.replaceAll(',', '')) : null
}

const all = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([found]) => found)

/**
 * What a text speaks of: for contracts that check what a model wrote against records. It goes by form: an address
 * that is spelled out, or an amount in words, is not found. `prefixes`: those of record ids, such as `ord`.
 */
export function mentionsIn(text: string, prefixes: readonly string[]): Mentions {
  const plain = normaliseText(text)
  const emails = all(plain, EMAIL)
  const rest = emails.reduce((left, email) => left.replace(email, ' '), plain)
  return {
    emails,
    links: all(rest, LINK),
    cardNumbers: all(plain, CARD)
      .map((found) => found.replace(/\D/g, ''))
      .filter(hasCheckDigit),
    ids: all(plain, new RegExp(`(?<![a-z0-9])(?:${prefixes.join('|')})_[a-z0-9]+`, 'g')),
    amounts: AMOUNT_PATTERNS.flatMap(({ currency, pattern }) =>
      [...plain.matchAll(pattern)].map(({ groups }) => amountOf(currency, groups?.['number'] ?? '')),
    ),
  }
}
