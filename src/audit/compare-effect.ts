import { isStepResult } from '../contract/answers.ts'
import { canonicalJson } from '../contract/digest.ts'
import type { Json } from '../contract/json.ts'
import type { AuditedEffect } from '../ledger/audited.ts'
import { isStanding } from '../ledger/effects.ts'
import type { Finding, FindingCode } from './findings.ts'
import type { Said } from './said.ts'
import { fieldsOf } from './fields.ts'
import type { Told, ToldStep } from './told.ts'

/** An effect as both sides have it. */
export interface Compared {
  readonly step: string
  /** What the executions say of it; empty: none speaks of it. */
  readonly steps: readonly ToldStep[]
  /** Those whose result a host signed. */
  readonly attested: readonly ToldStep[]
  readonly row: AuditedEffect | undefined
  /** `claimed`: `done`, by the word of somebody whom no host's signature bears out. */
  readonly said: Said | 'claimed'
  readonly newest: Told
}

/** How the word of a run about an effect and the ledger differ. */
export const effectFindings = (compared: Compared): readonly Finding[] => [
  ...stateFinding(compared),
  ...compared.attested.flatMap((told) => contentFindings(told, compared.row)),
]

function stateFinding({ step, steps, row, said, newest }: Compared): readonly Finding[] {
  const eventId = steps.findLast(({ answer }) => answer !== undefined)?.eventId ?? null
  const found = (code: FindingCode, message: string): readonly Finding[] => [{ code, step, message, eventId }]
  const isClosed = newest.closing !== null
  if (row !== undefined && isStanding(row.state) && row.state !== 'done') {
    // While the run is open the next attempt settles it, or an incident waits for a person.
    if (said === 'settled' || row.isLeased || (!isClosed && steps.length > 0)) return []
    return found('effect_unsettled', `it is \`${row.state}\` in the ledger, and nobody is going to settle it`)
  }
  const stands = row?.state === 'done'
  const inLedger = row === undefined ? 'the ledger has nothing of it' : `in the ledger it is \`${row.state}\``
  switch (said) {
    case 'settled':
      return []
    case 'undone':
    case 'not_done':
      if (stands) return found('effect_stands', `the run says that it is ${WORDS[said]}, and ${inLedger}`)
      if (row !== undefined || !steps.some(({ kind, answer }) => kind === 'undo' && answer !== undefined)) return []
      return found('undo_not_in_ledger', `the history says that it was ${WORDS[said]}, and ${inLedger}`)
    case 'done':
      if (row === undefined) return found('effect_not_in_ledger', `the history says that it was done, and ${inLedger}`)
      if (!stands) return found('effect_gone', `the run says that it stands, and ${inLedger}`)
      break
    case 'claimed':
      break
    case 'running':
    case 'stuck':
    case 'nothing':
      if (steps.length === 0 && (stands || row?.state === 'undone')) {
        return found('effect_untold', `${inLedger}, and no event of the history speaks of it`)
      }
  }
  if (!stands || !isClosed) return []
  if (newest.closing === 'ended outside') {
    return found('ended_outside', `${inLedger}, and ${newest.closedBy} ended the run`)
  }
  if (said === 'done' || said === 'claimed') return []
  return newest.result['state'] === 'completed'
    ? found('effect_untold', `${inLedger}, and the result of the run does not list it`)
    : found('effect_stands', `${inLedger}, and the run ended as if nothing stood`)
}

const WORDS = { undone: 'undone', not_done: 'barred from happening' } as const

/** How what a step was asked and answered differs from what the ledger has of it; what no host signed is no answer. */
function contentFindings(
  { kind, step, eventId, inputDigest, answer }: ToldStep,
  row: AuditedEffect | undefined,
): readonly Finding[] {
  if (row === undefined || answer === undefined || (kind !== 'write' && kind !== 'ledger')) return []
  const found = (code: FindingCode, message: string): Finding => ({ code, step, message, eventId })
  const findings: Finding[] = []
  if (inputDigest !== null && row.state !== 'barred' && inputDigest !== row.inputDigest) {
    findings.push(found('input_differs', 'the ledger has it with another input than the history'))
  }
  const result = kind === 'write' ? answer : (fieldsOf(answer)['result'] ?? null)
  if (row.result !== null && isStepResult(result) && !isSame(result, row.result)) {
    findings.push(found('result_differs', 'the ledger has it with another result than the history'))
  }
  return findings
}

/** What a stranger says need not be canonical JSON. */
function isSame(
  told: { readonly output: Json; readonly receipt: object },
  row: { readonly output: Json; readonly receipt: object },
) {
  const textOf = ({ output, receipt }: typeof told): string => canonicalJson({ output, receipt })
  try {
    return textOf(told) === textOf(row)
  } catch {
    return false
  }
}
