import type { Action, CandidateVerdict, Change, Citation, Effect, Match } from './action.ts'
import { type FactValue, WHOSE_WORD } from './fact.ts'
import { moment } from './moment.ts'
import { formatMoney, isMoney } from './money.ts'
import { shortened } from './plain-text.ts'
import type { Attempt, EffectStatus, RunStatus, TimelineEntry } from './run.ts'

/** `payment/pay_1042 refundable: $120.00 → $0.00` */
export const changeText = (change: Change): string => `${change.record} ${change.field}: ${change.from} → ${change.to}`

/** `record order/ord_1042 (step billing.getOrder-1, read 2026-11-23 16:05:51 UTC)` */
export const citationText = (citation: Citation): string =>
  `${citation.kind} ${citation.reference} (step ${citation.step}, read ${moment(citation.at)})`

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

const EFFECT_WORDS: Readonly<Record<EffectStatus['state'], string>> = {
  running: 'under way',
  done: 'done',
  undone: 'undone',
  stuck: 'stuck',
  settled: 'settled',
  not_done: 'not done',
}

/** What became of a write of a run; one that waits for people, or at a stop, is `held`: nothing of it is under way. */
export const effectWord = (
  { step, state }: EffectStatus,
  { pending, incidents }: Pick<RunStatus, 'pending' | 'incidents'> = { pending: [], incidents: [] },
): string => {
  const isHeld =
    pending.some((one) => one.step === step) || incidents.some((one) => one.step === step && one.code === 'stopped')
  return state === 'running' && isHeld ? 'held' : EFFECT_WORDS[state]
}

/** What a run waits for, as its search attribute says it; `limit` is that of a budget, and no limit over time. */
export const waitingText = (waitingFor: string): string =>
  waitingFor === 'limit' ? 'a budget raise (limit)' : waitingFor

/** Where the policy of a run wants its record exported, and what it asks for that nothing does yet. */
export const auditWishes = ({
  auditExport,
  notActedOn,
}: Pick<RunStatus, 'auditExport' | 'notActedOn'>): readonly string[] => [
  ...(auditExport === null ? [] : [`record exported to ${auditExport}`]),
  ...notActedOn.map((wish) => `not acted on yet: ${wish}`),
]

/** ` by ben@acme.example`, or who a message only says that it is by; nothing where it says nobody. */
export function byWhom({ by, says }: Pick<Attempt, 'by' | 'says'>): string {
  if (by !== null) return ` by ${by}`
  return says === undefined ? '' : ` by somebody who says to be ${says}`
}

/** What a line of a timeline is about. */
export const kindText = (kind: TimelineEntry['kind']): string => (kind === 'trial' ? 'candidate' : kind)

type Said = Readonly<Partial<Record<'decision' | 'resolution' | 'step' | 'actionDigest' | 'comment', string>>>

/** What somebody said to a run that counted, in words, and what it is about; its digest is of all that he was shown. */
export function saidOf({ kind, by, assurance, describe, message }: Attempt): {
  readonly about: string
  readonly digest: string | undefined
  /** `approve by ben@acme.example (acr mfa at https://login.acme.example): looks right` */
  readonly text: string
} {
  const { decision = kind, resolution, step, actionDigest: digest, comment = '' } = (message ?? {}) as Said
  const as = resolution === undefined ? '' : ` as ${resolution}`
  const words = comment === '' ? '' : `: ${comment}`
  const text = `${decision}${as} by ${by ?? 'nobody known'} (${assurance ?? 'nobody proved it'})${words}`
  return { about: describe ?? step ?? 'the run', digest, text }
}
