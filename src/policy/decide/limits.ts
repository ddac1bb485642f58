import type { Match } from '../../contract/action.ts'
import { formatMoney, usd } from '../../contract/money.ts'
import type { Reached } from '../../contract/reached.ts'
import type { WindowLimit } from '../types.ts'
import { quoted } from './words.ts'

/** `24 hours`, `30 days`, `90 minutes` */
export function windowText(minutes: number): string {
  if (minutes % 1_440 === 0 && minutes > 1_440) return `${minutes / 1_440} days`
  if (minutes % 60 === 0) return minutes === 60 ? '1 hour' : `${minutes / 60} hours`
  return minutes === 1 ? '1 minute' : `${minutes} minutes`
}

const scoreText = (hundredths: number): string => (hundredths / 100).toFixed(2)
const halfCents = (value: number): string => formatMoney(usd(Math.round(value / 2)))

/**
 * What a limit says of an action of which a host found it reached; `undefined` when it is not by this policy. Of who or
 * what is not known it says no.
 */
export function judgeReached(limit: WindowLimit, found: Reached): Match | undefined {
  const { id: rule, per, of, windowMinutes, measure, onReached } = limit
  const isOfIt = found.per === per && found.of === (of ?? null) && found.windowMinutes === windowMinutes
  if (found.limit !== rule || !isOfIt) return undefined
  const { measured } = found
  const whose = `${per} ${quoted(found.subject ?? '')}`
  const within = windowText(windowMinutes)
  if (measured.kind === 'unknown') return { rule, effect: 'deny', because: `${measured.what} is not known` }
  if (measured.kind === 'spent') {
    if (measure.kind === 'score' || measured.spent + measured.adds <= measure.most) return undefined
    const because =
      measure.kind === 'sum'
        ? `${whose}: ${formatMoney(usd(measured.spent))} of ${formatMoney(usd(measure.most))} within ${within}, ` +
          `and this one is ${formatMoney(usd(measured.adds))}`
        : `${whose}: ${measured.spent} of ${measure.most} within ${within}, and this is one more`
    return { rule, effect: onReached, threshold: measure.most, because }
  }
  if (measure.kind !== 'score') return undefined
  const amount = formatMoney(usd(measured.amount))
  if (measured.kind === 'warming_up') {
    if (measure.onWarmUp === undefined || measured.samples >= measure.warmUp) return undefined
    const because = `${whose}: ${measured.samples} of the ${measure.warmUp} within ${within} that a score of ${amount} needs`
    return { rule, effect: measure.onWarmUp, threshold: measure.warmUp, because }
  }
  if (measured.score !== null && measured.score < measure.atLeast) return undefined
  const scores = measured.score === null ? 'is beyond any score' : `scores ${scoreText(measured.score)}`
  const because =
    `${whose}: ${amount} ${scores} against ${measured.samples} within ${within}, whose median is ` +
    `${halfCents(measured.median)}; at least ${scoreText(measure.atLeast)}`
  return { rule, effect: onReached, threshold: measure.atLeast / 100, because }
}
