import { clock, moment, newDay } from '../../contract/moment.ts'
import { line } from '../record/execution.ts'
import { type AuditRecord, PROOFS } from '../record/types.ts'
import { cite, decidedSteps, KIND_WORDS, PROOF_MEANS, PROOF_WORDS, warningsIn } from './cite.ts'
import { explain } from './explain.ts'

/** How long a text of an entry gets. */
const MOST = 2_000

/** What somebody wrote must not become Markdown, HTML, a link or a list. */
const safe = (text: string): string =>
  line(text, MOST)
    .replace(/[\\`*_[\]{}#|~$]/g, '\\$&')
    .replace(/[<>&@]|:(?=\/\/)|(?<=www)\./gi, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/^(\d*)([.)+-])/, '$1\\$2')

/** A record as Markdown. */
export function recordMarkdown(record: AuditRecord): string {
  const { runKey, playbook, namespace, executions, state, entries } = record
  const cited = (events: (typeof entries)[number]['events']): string => safe(cite(record, events))
  const warnings = warningsIn(record)
  const answers = decidedSteps(record).flatMap((step) => explain(record, step) ?? [])
  const lines = [
    `# Audit record of ${safe(record.workflowId)}`,
    '',
    `**${safe(playbook ?? 'unknown playbook')}**, ${safe(state)}.`,
    '',
    `- Run: ${safe(runKey)}`,
    `- Namespace: ${safe(namespace)}`,
    ...executions.map(({ runId, events, digest, began, closed, closedBy }, index) => {
      const end = closed === null ? 'open' : `${moment(closed)} by ${closedBy ?? ''}`
      return `- Execution ${index + 1}: ${safe(`${runId}, ${moment(began)} to ${end}, ${events} events, ${digest}`)}`
    }),
    '',
    ...section(
      'To look at',
      warnings.map(({ text, events }) => `- ${safe(text)} ${cited(events)}`),
    ),
    ...section(
      'Answers',
      answers.flatMap(({ step, evidence, rule, undo }) => [
        `### ${safe(step)}`,
        '',
        `- **Which evidence?** ${safe(evidence)}`,
        `- **Which rule?** ${safe(rule)}`,
        `- **Which undo?** ${safe(undo)}`,
        '',
      ]),
    ),
    ...section(
      'Timeline (UTC)',
      entries.flatMap(({ at, kind, proof, text, events }, index) => {
        const day = newDay(at, entries[index - 1]?.at)
        return [
          ...(day === undefined ? [] : [...(index === 0 ? [] : ['']), `**${safe(day)}**`, '']),
          `- ${safe(clock(at))} **${KIND_WORDS[kind]}** (${safe(PROOF_WORDS[proof])}): ${safe(text)} ${cited(events)}`,
        ]
      }),
    ),
    ...section(
      'How to read it',
      PROOFS.map((proof) => `- **${safe(PROOF_WORDS[proof])}**: ${safe(PROOF_MEANS[proof])}`),
    ),
  ]
  return `${lines.join('\n').trimEnd()}\n`
}

const section = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : [`## ${title}`, '', ...lines, '']
