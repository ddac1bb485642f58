import { needText } from './raise.ts'
import type { Question } from './run.ts'
import { changeText, citationText, factTexts, matchText } from './text.ts'

const BEFORE = 'approval of '
const AFTER = ', until its deadline'

/**
 * The summary of the timer that runs while people are asked about a step: a history tells by it that they were asked, so
 * it is not reworded.
 */
export const questionSummary = (step: string): string => `${BEFORE}${step}${AFTER}`

/** What people are shown beside the description of what they are asked: why, with which facts, what changes, on what it rests. */
export function shownTexts(question: Question): readonly string[] {
  if (question.about === 'limit') return [`because ${needText(question.raise)}`]
  const { action, decision } = question
  return [
    ...decision.matches.map((match) => `because ${matchText(match)}`),
    ...factTexts(action).map((fact) => `with ${fact}`),
    ...action.changes.map((change) => `would change ${changeText(change)}`),
    ...action.evidence.map((citation) => `rests on ${citationText(citation)}`),
  ]
}

/** The step that people are asked about while a timer with this summary runs; `undefined`: it is another timer. */
export const askedStep = (summary: string): string | undefined =>
  summary.startsWith(BEFORE) && summary.endsWith(AFTER) ? summary.slice(BEFORE.length, -AFTER.length) : undefined
