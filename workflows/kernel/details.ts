import { speakerFlag } from '../../src/contract/principal.ts'
import { shownTexts } from '../../src/contract/question.ts'
import { shellWord } from '../../src/contract/text.ts'
import { formatMicroUsd } from '../../src/contract/money.ts'
import type { Draft, PendingApproval, Question, RunStatus } from '../../src/contract/run.ts'
import { resumeCommand } from '../../src/contract/stop.ts'

/** What a model or a person wrote must not become Markdown that lies to an operator. */
const plain = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .replace(/[\\`*_[\]<>#|~$]/g, '\\$&')
    .slice(0, 400)

/** One line of a page, whatever stands in it. */
const line = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ')

/** One word on one line of a page, whatever somebody called his workflow. */
const word = (text: string): string => shellWord(line(text))

const clock = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`

function question(workflowId: string, ask: PendingApproval, speaker: string): string[] {
  const command = (verb: string): string =>
    `    countersign ${verb} ${workflowId} ${ask.step} --digest ${ask.actionDigest}${speaker}`
  return [
    `### Asked of a person other than the requester, until ${clock(ask.deadline)}`,
    '',
    `**${plain(ask.describe)}** (step ${plain(ask.step)})`,
    '',
    ...shown(ask),
    '',
    'Answer with one of',
    '',
    command('approve'),
    command('reject'),
    '',
  ]
}

const shown = (what: Question): string[] => shownTexts(what).map((text) => `- ${plain(text)}`)

const drafted = ({ step, describe, ...draft }: Draft): string[] => [
  '### Draft: this was not done',
  '',
  `**${plain(describe)}** (step ${plain(step)})`,
  '',
  ...shown({ about: 'action', ...draft }),
  '',
]

/** The living page of a run, in the Markdown that the Temporal UI shows as its current details (20 KB at most). */
export function renderDetails(status: RunStatus): string {
  const workflowId = word(status.runKey.slice(0, status.runKey.lastIndexOf('/')))
  const waiting = status.waitingFor === null ? '' : `, waiting for ${status.waitingFor}`
  const lines = [`## ${status.state}${waiting}`, '']
  const speaker = speakerFlag(status.principal)
  for (const ask of status.pending) lines.push(...question(workflowId, ask, speaker))
  for (const incident of status.incidents) {
    lines.push(
      `### Incident at ${plain(incident.step)} since ${clock(incident.since)}`,
      '',
      `${plain(incident.message)} (${incident.code})`,
      '',
      ...(incident.stop === undefined ? [] : [`    ${line(resumeCommand(incident.stop, speaker))}`]),
      `    countersign resolve ${workflowId} ${incident.step} --as retry|settled${speaker}`,
      '',
    )
  }
  for (const draft of status.result?.drafts ?? []) lines.push(...drafted(draft))
  if (status.state === 'completed' && status.undoUntil !== null) {
    lines.push(`### Can be undone until ${clock(status.undoUntil)}`, '')
    lines.push(`    countersign undo ${workflowId}${speaker}`, '')
  }
  if (status.auditExport !== null) {
    lines.push(`Audit export to ${plain(status.auditExport)} is asked for by the policy: **not exported yet**.`, '')
  }
  if (status.notActedOn.length > 0) {
    lines.push(`Asked for by the policy, and **not acted on yet**: ${plain(status.notActedOn.join('; '))}.`, '')
  }
  const trials = status.timeline.filter(({ kind }) => kind === 'trial')
  if (trials.length > 0) {
    lines.push('### Without effect', '', ...trials.slice(0, MAX_TRIALS).map(({ text }) => `- ${plain(text)}`), '')
  }
  lines.push(
    `Model spend ${formatMicroUsd(status.spend.modelMicroUsd)}, ${status.spend.toolCalls} tool calls`,
    '',
    '### Timeline',
    '',
    ...status.timeline.slice(-60).map((entry) => `- ${entry.at.slice(11, 19)} ${entry.kind}: ${plain(entry.text)}`),
  )
  return cut(lines.join('\n'))
}

const MAX_CHARACTERS = 18_000
const MAX_TRIALS = 10

const cut = (text: string): string => (text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}\n…` : text)
