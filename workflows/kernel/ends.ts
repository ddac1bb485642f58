import type { Case } from '../../src/contract/run.ts'
import type { RunEnd } from '../../src/contract/states.ts'
import { type FailureCode, failureOf } from '../../src/contract/failures.ts'
import { MAX_MESSAGE_CHARACTERS } from '../../src/contract/limits.ts'
import { shortened } from '../../src/contract/plain-text.ts'
import { textOf } from '../../src/contract/text.ts'
import { isCancellation } from '@temporalio/workflow'
import type { Answered } from './approvals.ts'

/** How a run ends short of completing. */
export interface End {
  readonly state: Exclude<RunEnd, 'completed'>
  readonly because: Case
}

/**
 * Thrown through the playbook to end its run. The kernel also keeps the end aside, so a playbook that catches
 * it goes no further: its next step never returns.
 */
export class EndOfRun extends Error {
  readonly end: End
  constructor(end: End) {
    super(end.because.message)
    this.name = 'EndOfRun'
    this.end = end
  }
}

/** A case without an action: nothing had been decided yet. */
export const bareCase = (code: FailureCode, message: string, by: string | null = null): Case => ({
  code,
  message: shortened(message, MAX_MESSAGE_CHARACTERS),
  rules: [],
  facts: {},
  action: null,
  by,
})

/** An end with what led to it. */
export const endWith = (
  state: End['state'],
  code: FailureCode,
  message: string,
  why: Partial<Pick<Case, 'facts' | 'action' | 'rules' | 'by' | 'candidate'>> = {},
): End => ({ state, because: { ...bareCase(code, message), ...why } })

/** The state that a policy's word for it leads to. */
export const endState = (how: 'escalate' | 'refuse'): 'escalated' | 'refused' =>
  how === 'escalate' ? 'escalated' : 'refused'

/** What the answer to a question comes to: what people allow or change, or the end of the run. */
export function answerOrEnd(
  answered: Answered,
  describe: string,
  onTimeout: 'escalate' | 'refuse',
  why: Partial<Pick<Case, 'facts' | 'action' | 'rules' | 'candidate'>> = {},
): Exclude<Answered, null | { readonly rejection: unknown }> | End {
  if (answered === null) {
    return endWith(endState(onTimeout), 'approval_timed_out', `\`${describe}\` was not approved in time`, why)
  }
  if (!('rejection' in answered)) return answered
  const { by, comment } = answered.rejection
  // Where the case shows an action, it says to what.
  const to = why.action === undefined ? ` to \`${describe}\`` : ''
  const message = `${by} said no${to}${comment === '' ? '' : `: ${comment}`}`
  return endWith('refused', 'approval_rejected', message, { ...why, by })
}

/** What an error thrown through the playbook means. A plain throw is the playbook's failure, never a wedged task. */
export function endOf(error: unknown): End {
  if (error instanceof EndOfRun) return error.end
  if (isCancellation(error)) {
    return { state: 'reverted', because: bareCase('cancelled', 'the run was cancelled') }
  }
  const failure = failureOf(error)
  if (failure !== undefined) return { state: 'failed', because: bareCase(failure.code, failure.message) }
  return { state: 'failed', because: bareCase('playbook_failed', textOf(error)) }
}
