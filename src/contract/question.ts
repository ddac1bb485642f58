const BEFORE = 'approval of '
const AFTER = ', until its deadline'

/**
 * The summary of the timer that runs while people are asked about a step: a history tells by it that they were asked, so
 * it is not reworded.
 */
export const questionSummary = (step: string): string => `${BEFORE}${step}${AFTER}`

/** The step that people are asked about while a timer with this summary runs; `undefined`: it is another timer. */
export const askedStep = (summary: string): string | undefined =>
  summary.startsWith(BEFORE) && summary.endsWith(AFTER) ? summary.slice(BEFORE.length, -AFTER.length) : undefined
