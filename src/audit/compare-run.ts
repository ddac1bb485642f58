import { canonicalJson } from '../contract/digest.ts'
import type { AuditedRun } from '../ledger/audited.ts'
import { isStanding } from '../ledger/effects.ts'
import type { Finding, FindingCode } from './findings.ts'
import type { Told } from './told.ts'

const found = (code: FindingCode, message: string): Finding => ({ code, step: null, message, eventId: null })

/** What is to be said of a run as a whole. `told` is in the order in which its executions began. */
export function runFindings(told: readonly Told[], { run, effects }: AuditedRun): readonly Finding[] {
  const newest = told.at(-1)
  if (newest === undefined) {
    const standing = effects.filter(({ state }) => isStanding(state)).length
    return run === undefined
      ? []
      : [found('history_missing', `Temporal has no history of it; ${standing} effects stand`)]
  }
  const findings: Finding[] = []
  if (newest.closing === 'went on') {
    findings.push(found('history_missing', 'it went on as another execution, which Temporal does not have'))
  }
  if (run === undefined) {
    // One that was refused when it was opened has no row, and did nothing.
    const did = told.some(({ opened, steps }) => 'runKey' in opened || steps.some(({ kind }) => kind !== 'reading'))
    return did
      ? [...findings, found('run_not_in_ledger', 'its history says that it was opened, and it has no row')]
      : findings
  }
  for (const { opened, workflowType } of told) {
    const rows: readonly (readonly [what: string, inLedger: unknown, inHistory: unknown])[] = [
      ['workflow type', run.workflowType, workflowType],
      ...('runKey' in opened
        ? ([
            ['principal', run.principal, opened['principal']],
            ['policy digest', run.policyDigest, opened['policyDigest']],
            ['request digest', run.requestDigest, opened['requestDigest']],
          ] as const)
        : []),
    ]
    const other = rows.find(([, a, b]) => canonicalJson(a) !== canonicalJson(b ?? null))
    if (other !== undefined) findings.push(found('run_differs', `its row and its history name another ${other[0]}`))
  }
  return findings
}
