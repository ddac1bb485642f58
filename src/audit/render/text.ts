import { clock, moment, newDay } from '../../contract/moment.ts'
import { line } from '../record/execution.ts'
import type { AuditRecord } from '../record/types.ts'
import { cite, decidedSteps, KIND_WORDS, PROOF_MEANS, PROOF_WORDS, warningsIn } from './cite.ts'
import { explain } from './explain.ts'
import { PROOFS } from '../record/types.ts'

/** How long a line of an entry gets. */
const MOST = 2_000

/** A record for a terminal: one line an entry. */
export function recordText(record: AuditRecord): string {
  const { runKey, playbook, namespace, executions, state, entries } = record
  const warnings = warningsIn(record)
  const lines = [
    `${line(playbook ?? 'unknown playbook')}  ${line(record.workflowId)}  ${line(state)}`,
    `  run        ${line(runKey)}`,
    `  namespace  ${line(namespace)}`,
    ...executions.map(({ runId, events, digest, began, closed, closedBy }, index) => {
      const end = closed === null ? 'open' : `${moment(closed)} by ${line(closedBy ?? '')}`
      return `  ${String(index + 1).padEnd(9)}  ${line(runId)}, ${moment(began)} to ${end}, ${events} events, ${digest}`
    }),
    '',
    ...(warnings.length === 0
      ? []
      : ['TO LOOK AT', ...warnings.map(({ text, events }) => `  ${line(text, MOST)} ${cite(record, events)}`), '']),
    ...decidedSteps(record).flatMap((step) => {
      const answers = explain(record, step)
      if (answers === undefined) return []
      return [
        line(step),
        `  which evidence?  ${line(answers.evidence, MOST)}`,
        `  which rule?      ${line(answers.rule, MOST)}`,
        `  which undo?      ${line(answers.undo, MOST)}`,
        '',
      ]
    }),
    'TIMELINE (UTC)',
    ...entries.flatMap(({ at, kind, proof, text, events }, index) => {
      const day = newDay(at, entries[index - 1]?.at)
      const columns = `${clock(at)}  ${KIND_WORDS[kind].padEnd(17)}  ${PROOF_WORDS[proof].padEnd(14)}`
      return [...(day === undefined ? [] : [day]), `  ${columns}  ${line(text, MOST)} ${cite(record, events)}`]
    }),
    '',
    ...PROOFS.map((proof) => `${PROOF_WORDS[proof].padEnd(14)}  ${PROOF_MEANS[proof]}`),
  ]
  return `${lines.join('\n')}\n`
}
