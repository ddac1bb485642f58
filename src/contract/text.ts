import type { Action, CandidateVerdict, Change, Citation, Effect, Match } from './action.ts'
import { type FactValue, WHOSE_WORD } from './fact.ts'
import { formatMoney, isMoney } from './money.ts'
import { shortened } from './plain-text.ts'

/** `payment/pay_1042 refundable: $120.00 → $0.00` */
export const changeText = (change: Change): string => `${change.record} ${change.field}: ${change.from} → ${change.to}`

/** `record order/ord_1042 (step billing.getOrder-1, read 2026-11-23T16:05:51.000Z)` */
export const citationText = (citation: Citation): string =>
  `${citation.kind} ${citation.reference} (step ${citation.step}, read ${citation.at})`

/** `refund_amount_usd is $120.00 (a model's word), at least $50.00 (requires_approval_if.refund_amount_usd_gte)` */
export const matchText = ({ because, rule }: Match): string => `${because} (${rule})`

const WOULD: Readonly<Record<Effect, string>> = {
  deny: 'denied it',
  escalate: 'handed it to a person',
  suggest: 'drafted it and done nothing',
  require_approval: 'asked for approval',
  allow: 'let it run by itself',
}

/** `the candidate policy would have denied it: reason contains `fraud` (deny_if.reason_contains)` */
export function candidateText({ decision: { effect, matches } }: CandidateVerdict): string {
  const why = matches.length === 0 ? 'no rule of it matches' : matches.map(matchText).join('; ')
  return `the candidate policy would have ${WOULD[effect]}: ${why}`
}

/** The facts of an action, one a line: `refund_amount_usd $120.00 (a model's word)`. */
export const factTexts = ({ facts, trust }: Pick<Action, 'facts' | 'trust'>): readonly string[] =>
  Object.entries(facts).map(([name, value]) => `${name} ${factText(value)}${WHOSE_WORD[trust[name] ?? 'model']}`)

const factText = (value: FactValue): string =>
  isMoney(value) ? formatMoney(value) : typeof value === 'string' ? `“${value}”` : String(value)

/** What somebody threw, in words: anything can be thrown, and not everything can be made a string. */
export function textOf(thrown: unknown): string {
  try {
    return shortened(thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown), 1_000)
  } catch {
    return 'something that cannot be shown'
  }
}

/** One word of a command line that people can paste, whatever stands in it. */
export const shellWord = (text: string): string =>
  /^[A-Za-z0-9_./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`

/** JSON in which no `<` is left, so that no text in it can close the delimiter around it in a prompt. */
export const quotedJson = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c')
