import type { Action, Match } from '../contract/action.ts'
import type { DecisionWord } from '../contract/statement.ts'
import { amountText, needText, type Raise } from '../contract/raise.ts'
import { missingText } from '../contract/approving.ts'
import type { PendingApproval } from '../contract/run.ts'
import { changeText, citationText, factTexts, matchText, shellWord } from '../contract/text.ts'
import { plain } from './terminal.ts'
import { moment } from '../contract/moment.ts'

/** A label before the first of several lines. */
export const labelled = (label: string, lines: readonly string[]): readonly string[] =>
  lines.map((line, at) => `${(at === 0 ? label : '').padEnd(10)}${plain(line)}`)

/** What an action rests on and would change. */
export const actionLines = (action: Action, matches: readonly Match[]): readonly string[] => [
  ...labelled('tool', [action.tool]),
  ...labelled('input', [JSON.stringify(action.input)]),
  ...labelled('facts', factTexts(action)),
  ...labelled('because', matches.map(matchText)),
  ...labelled('changes', action.changes.map(changeText)),
  ...labelled('evidence', action.evidence.map(citationText)),
]

/** The command that answers a question about exactly this action; `flags` say as whom, too. */
export const answerCommand = (
  verb: DecisionWord,
  workflowId: string,
  { step, actionDigest }: PendingApproval,
  flags: string,
): string =>
  `countersign ${verb} ${shellWord(workflowId)} ${step} --digest ${actionDigest}${verb === 'change' ? " --input '{…}'" : ''}${flags}`

/** Which budget would be raised, and why. */
const raiseLines = (raise: Raise): readonly string[] => [
  ...labelled('budget', [
    `${raise.limit}: ${amountText(raise.limit, raise.from)} → ${amountText(raise.limit, raise.to)}`,
  ]),
  ...labelled('because', [needText(raise)]),
]

/** Who had it done otherwise than it was proposed. */
const editLines = ({ edits = [] }: Action): readonly string[] =>
  labelled(
    'changed',
    edits.map(({ by }) => `by ${by}`),
  )

/** A question that waits, as an approver has to see it. */
export const pendingLines = (pending: PendingApproval): readonly string[] => [
  plain(pending.describe),
  ...[
    `step      ${pending.step}`,
    `waits     for ${plain(missingText(pending.requires, pending.missing))}, until ${moment(pending.deadline)}`,
    ...(pending.approvedBy.length === 0 ? [] : [`approved  by ${plain(pending.approvedBy.join(', '))}`]),
    ...(pending.about === 'action' ? editLines(pending.action) : []),
    ...(pending.about === 'action' ? actionLines(pending.action, pending.decision.matches) : raiseLines(pending.raise)),
    `policy    ${(pending.about === 'action' ? pending.action : pending.raise).policyDigest}`,
    `digest    ${pending.actionDigest}`,
  ].map((line) => `  ${line}`),
]
