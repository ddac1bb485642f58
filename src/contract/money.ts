import { z } from 'zod'

/** The currencies that tools and policies may speak of; each has two decimals (ISO 4217). */
export const CURRENCIES = ['USD', 'EUR', 'GBP'] as const
export type Currency = (typeof CURRENCIES)[number]

/** An amount in integer cents with its currency. Made by `money`, `usd` or `parseMoney`, or parsed by `moneySchema`. */
export interface Money<C extends Currency = Currency> {
  readonly currency: C
  /** Integer, within the safe integers; may be negative. */
  readonly cents: number
}

/** Throws `RangeError` unless `cents` is a safe integer. */
export function money<C extends Currency>(currency: C, cents: number): Money<C> {
  if (!Number.isSafeInteger(cents)) throw new RangeError(`cents must be a safe integer, got \`${cents}\``)
  return { currency, cents: cents === 0 ? 0 : cents }
}

export const usd = (cents: number): Money<'USD'> => money('USD', cents)

const DECIMAL = /^(-?)(\d{1,13})(?:\.(\d{1,2}))?$/

/**
 * Reads a decimal amount ("12", "12.5", "12.50", 12.5) exactly into cents. Throws `RangeError` on anything
 * else: three decimals, exponents, separators, symbols.
 */
export function parseMoney<C extends Currency>(currency: C, amount: string | number): Money<C> {
  const match = DECIMAL.exec(String(amount))
  if (match === null) throw new RangeError(`\`${amount}\` is not an amount of ${currency} with at most two decimals`)
  const [, sign, whole, fraction = ''] = match
  const cents = Number(whole) * 100 + Number(fraction.padEnd(2, '0'))
  return money(currency, sign === '-' ? -cents : cents)
}

const SYMBOL: Record<Currency, string> = { USD: '$', EUR: '€', GBP: '£' }

/** `$1,234.50`; the same on every machine, whatever its locale. */
export function formatMoney(amount: Money): string {
  const digits = String(Math.abs(amount.cents)).padStart(3, '0')
  const whole = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ',')
  return `${amount.cents < 0 ? '-' : ''}${SYMBOL[amount.currency]}${whole}.${digits.slice(-2)}`
}

/** Whether a value has the shape of `Money`. */
export const isMoney = (value: unknown): value is Money => moneySchema().safeParse(value).success

const currencySchema = z.enum(CURRENCIES)
const anyMoney = z.strictObject({ currency: currencySchema, cents: z.int() })

/** The schema of an amount in any known currency; narrow it in a contract with `.refine`. */
export const moneySchema = (): z.ZodType<Money> => anyMoney

/** Model spend, in integer micro-dollars (1 USD = 1,000,000). */
export const MICRO_USD_PER_USD = 1_000_000

/** `$0.0042`: four decimals, since a call often costs less than a cent. Rounds up. */
export function formatMicroUsd(microUsd: number): string {
  const tenThousandths = Math.ceil(microUsd / 100)
  const digits = String(tenThousandths).padStart(5, '0')
  return `$${digits.slice(0, -4)}.${digits.slice(-4)}`
}
