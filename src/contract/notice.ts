import { requirementText } from './approving.ts'
import { type RunKey, workflowIdOf } from './evidence.ts'
import { type Principal, speakerFlag } from './principal.ts'
import { needText } from './raise.ts'
import type { PendingApproval } from './run.ts'
import { changeText, citationText, factTexts, matchText, shellWord } from './text.ts'

/** The argument of the local activity `countersign.notify`: people are asked something. */
export interface NotifyCall {
  readonly runKey: RunKey
  readonly question: PendingApproval
}

/** What people are told of a question that waits. It says what would have to be done to answer, and does nothing itself. */
export interface Notice {
  readonly runKey: RunKey
  readonly workflowId: string
  /** Of the execution that asks: a run may go on in another one. */
  readonly runId: string
  readonly playbook: string
  readonly workspace: string
  /** In one line: `refund $120.00 of payment pay_1042`. */
  readonly describe: string
  readonly step: string
  readonly actionDigest: string
  readonly policyDigest: string
  readonly requester: string
  readonly requires: readonly string[]
  readonly groups: readonly string[]
  readonly because: readonly string[]
  readonly facts: readonly string[]
  readonly changes: readonly string[]
  readonly evidence: readonly string[]
  /** ISO 8601, UTC; so is `deadline`. */
  readonly askedAt: string
  readonly deadline: string
  /** What to type to answer. */
  readonly commands: readonly string[]
}

/** Makes the notice of a question. */
export function noticeOf(
  runKey: RunKey,
  question: PendingApproval,
  { runId, playbook, principal }: { readonly runId: string; readonly playbook: string; readonly principal: Principal },
): Notice {
  const workflowId = workflowIdOf(runKey)
  const { describe, step, actionDigest, askedAt, deadline, requires } = question
  const told =
    question.about === 'action'
      ? {
          policyDigest: question.action.policyDigest,
          because: question.decision.matches.map(matchText),
          facts: factTexts(question.action),
          changes: question.action.changes.map(changeText),
          evidence: question.action.evidence.map(citationText),
        }
      : {
          policyDigest: question.raise.policyDigest,
          because: [needText(question.raise)],
          facts: [],
          changes: [],
          evidence: [],
        }
  return {
    runKey,
    workflowId,
    runId,
    playbook,
    workspace: principal.workspace,
    requester: principal.subject,
    describe,
    step,
    actionDigest,
    requires: requires.map(requirementText),
    groups: [...new Set(requires.flatMap(({ groups }) => groups))],
    ...told,
    askedAt,
    deadline,
    commands: ['approve', 'reject'].map(
      (verb) =>
        `countersign ${verb} ${shellWord(workflowId)} ${step} --digest ${actionDigest}${speakerFlag(principal)}`,
    ),
  }
}
