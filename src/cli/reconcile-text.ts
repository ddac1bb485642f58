import { workflowIdOf } from '../contract/evidence.ts'
import { FINDINGS, type Finding } from '../audit/findings.ts'
import type { Reconciled } from '../audit/reconcile.ts'
import { tableOf } from './table.ts'
import { plain } from './terminal.ts'

/** A comparison as JSON: `runs` are those that were named, or of all runs those that differ. */
export const reconciledJson = (compared: number, runs: readonly Reconciled[]) => ({
  compared,
  differing: runs.filter(({ findings }) => findings.length > 0).length,
  runs: runs.map((run) => ({
    workflowId: workflowIdOf(run.runKey),
    ...run,
    findings: run.findings.map((finding) => ({ ...finding, help: FINDINGS[finding.code] })),
  })),
})

/** A comparison as a person reads it; its last line tells how many differ. */
export function reconciledLines(compared: number, runs: readonly Reconciled[]): readonly string[] {
  const differing = runs.filter(({ findings }) => findings.length > 0).length
  const all = `${compared} ${compared === 1 ? 'run' : 'runs'} compared`
  return [
    ...runs.flatMap(linesOf),
    differing === 0
      ? `${all}: history and ledger agree`
      : `${all}, ${differing} ${differing === 1 ? 'differs' : 'differ'}`,
  ]
}

function linesOf(run: Reconciled): readonly string[] {
  const { playbook, ended, effects, findings, executions, isErased } = run
  const erased = isErased ? '  ERASED' : ''
  const histories = executions === 1 ? '' : `, ${executions} executions`
  const rows = effects.map(({ step, history, ledger }) => [
    plain(step),
    `history: ${history}`,
    `ledger: ${ledger ?? 'nothing'}`,
  ])
  return [
    `${plain(playbook ?? 'unknown')}  ${plain(workflowIdOf(run.runKey))}  ${plain(ended ?? 'no history')}${histories}${erased}`,
    ...tableOf(rows).map((line) => `  ${line}`),
    ...findings.flatMap(findingLines),
    '',
  ]
}

const findingLines = ({ code, step, message }: Finding): readonly string[] => [
  `  ${code}${step === null ? '' : ` at ${plain(step)}`}: ${plain(message)}`,
  `    ${FINDINGS[code]}`,
]
