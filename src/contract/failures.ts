import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common'
import { MAX_MESSAGE_CHARACTERS } from './limits.ts'
import { shortened } from './plain-text.ts'

/** Whose fault a failure is: who has to do something about it. */
export type Fault = 'caller' | 'policy' | 'approver' | 'playbook' | 'tool' | 'model' | 'platform'

interface FailureRule {
  /** Whether Temporal may retry the activity that failed with it. */
  readonly retryable: boolean
  readonly fault: Fault
  /** One sentence: what to do about it. */
  readonly help: string
}

const final = (fault: Fault, help: string): FailureRule => ({ retryable: false, fault, help })
const again = (fault: Fault, help: string): FailureRule => ({ retryable: true, fault, help })

/**
 * The closed set of failure codes. A code is the `type` of the Temporal failure and the `code` of a result; both
 * are wire names, so a code is never renamed.
 */
export const FAILURES = {
  // What a caller sent.
  request_invalid: final('caller', 'Send a request that matches the playbook contract.'),
  run_exists: final('caller', 'There is a run with this workflow id; attach to it or choose another id.'),
  request_repeated: final(
    'caller',
    'Another run has done this already; look at it, and undo it first if it is to be done again.',
  ),
  workflow_id_held: final('caller', 'Choose another workflow id: somebody else got the data key of this one.'),
  run_continued: final('platform', 'The run goes on in another execution; ask again, with its workflow id alone.'),
  run_not_found: final('caller', 'Check the workflow id and the namespace.'),
  outcome_crowded: final('caller', 'Wait under the update id `outcome`, which all callers share.'),
  // What an access token, or a signed statement, is worth.
  token_missing: final(
    'caller',
    'Send an access token as `Authorization: Bearer <token>`; `countersign login` gets one.',
  ),
  token_malformed: final('caller', 'Send the access token as the identity provider gave it: a signed JWT.'),
  token_algorithm_refused: final(
    'caller',
    'Have tokens signed by an algorithm that `identity.yaml` lists for the issuer.',
  ),
  token_type_wrong: final('caller', 'Send the access token, not another kind of token of the same provider.'),
  token_issuer_unknown: final('caller', 'Log in with a provider that `identity.yaml` lists.'),
  token_audience_wrong: final('caller', 'Ask for a token of the audience that `identity.yaml` names.'),
  token_key_unknown: final('caller', 'Log in again: no key that the provider publishes signed this token.'),
  token_signature_wrong: final('caller', 'Log in again: the token is not what the provider signed.'),
  token_expired: final('caller', 'Get a fresh token: refresh it, or log in again.'),
  token_not_yet_valid: final('caller', 'Wait, or set the clocks: the token is of the future.'),
  token_too_old: final('caller', 'Get a fresh token: this one was issued too long ago.'),
  identity_unmapped: final('caller', 'Have the provider send the claim, or mend the mapping in `identity.yaml`.'),
  workspace_refused: final('caller', 'Name a workspace that you belong to.'),
  workspace_elsewhere: final('caller', 'Go to the namespace, task queue and database where the workspace is at home.'),
  issuer_unavailable: again('platform', 'The identity provider did not answer; ask again when it does.'),
  gateway_unavailable: again('platform', 'The gateway did not answer; ask again when it does.'),
  about_invalid: final('caller', 'Send {about, workspace?} in the form of docs/identity.md.'),
  about_too_large: final('caller', 'Send only what is to be signed: 20,000 bytes at most.'),
  codec_request_invalid: final('caller', 'Send {payloads}, or what is asked for, in the form of docs/privacy.md.'),
  codec_request_too_large: final('caller', 'Send fewer payloads at once: 6,000,000 bytes at most.'),
  origin_refused: final('caller', 'Have the origin of the page listed with `countersign gateway --codec-origin`.'),
  statement_malformed: final('caller', 'Send the statement as the gateway returned it.'),
  statement_key_unknown: final('caller', 'Have it signed by a gateway of this installation.'),
  statement_key_revoked: final('caller', 'Ask for another statement: the key of this one was revoked.'),
  statement_key_out_of_time: final('caller', 'Ask for another statement: its key was not in force then.'),
  statement_signature_wrong: final('caller', 'Ask for another statement: this one is not what was signed.'),
  statement_expired: final('caller', 'Ask for another statement, and use it at once.'),
  statement_not_yet_valid: final('caller', 'Wait, or set the clocks: the statement is of the future.'),
  statement_development: final('caller', 'Log in: a statement of the development issuer proves nothing here.'),
  statement_missing: final(
    'caller',
    'Send a statement of who says it: `countersign` does, and the gateway signs one; see docs/identity.md.',
  ),
  statement_used: final('caller', 'Ask for another statement: each is used once.'),
  statement_other_use: final('caller', 'Ask for a statement of what you want to do.'),
  statement_other_run: final('caller', 'Ask for a statement about this run.'),
  statement_other_playbook: final('caller', 'Ask for a statement about this playbook.'),
  statement_other_workspace: final('caller', 'Ask for a statement in this workspace.'),
  statement_other_target: final('caller', 'Ask for a statement about what is to be stopped or resumed.'),
  statement_other_step: final('caller', 'Ask for a statement about this step.'),
  statement_other_request: final('caller', 'Ask for a statement about this request, as it is sent.'),
  statement_other_action: final('caller', 'Look at the action again, and ask for a statement about its digest.'),
  statement_other_decision: final('caller', 'Ask for a statement that says the same as the message.'),
  statement_other_words: final('caller', 'Ask for a statement about the words that are sent.'),
  statement_other_principal: final('caller', 'Ask for a statement that names for whom you act.'),
  speaker_invalid: final('caller', 'Name people of 1 to 200 characters; with a gateway, the token says who you are.'),
  scope_missing: final('caller', 'Have the scope granted in this workspace, and start again.'),
  delegation_invalid: final('caller', 'Delegate a group that you are in, to somebody else, until a time to come.'),
  // What the policy said.
  denied_by_policy: final('policy', 'Read the rule that matched; change the request or the policy.'),
  escalated_by_policy: final('policy', 'A rule hands the case to a person; take it over by hand.'),
  suggested: final('policy', 'The policy only suggests and nothing was done; look at the draft, and do it by hand.'),
  tool_not_listed: final('policy', 'List the tool in the playbook contract, or do not call it.'),
  decision_failed: final('policy', 'The facts could not be derived, so the action was denied; mend the contract.'),
  policy_not_found: final('policy', 'Add `policies/<slug>.yaml` for this playbook and start the worker again.'),
  policy_invalid: final('policy', 'Run `countersign policy check` and mend what it names.'),
  export_unconfigured: final(
    'policy',
    'Name a sink for it in `exports.yaml` (`worker --exports`), or take `audit.export` out of the policy.',
  ),
  model_budget_exceeded: final('policy', 'Raise model_budget_usd or take the case over by hand.'),
  tool_budget_exceeded: final('policy', 'Raise max_tool_calls or take the case over by hand.'),
  limit_reached: final('policy', 'A limit over time is reached; read what was spent, and wait, or take the case over.'),
  evidence_missing: final('policy', 'Cite what the contract of the tool needs in `because`.'),
  evidence_unsupported: final('policy', 'The cited records do not bear the action out; look at the case by hand.'),
  refused_by_playbook: final('policy', 'The playbook itself said no; read its reason.'),
  escalated_by_playbook: final('policy', 'The playbook hands the case over; read its reason.'),
  // What a person said, or may not say.
  approval_rejected: final('approver', 'An approver said no; see the comment.'),
  approval_timed_out: final('approver', 'Nobody decided in time; start again or take the case over.'),
  decision_malformed: final(
    'approver',
    'Send {step, decision, comment, actionDigest, statement}; with `change` also {input}.',
  ),
  decision_unknown_step: final('approver', 'No action of this run waits under that step; see `countersign show`.'),
  decision_wrong_digest: final(
    'approver',
    'The action is not the one you saw; look at it again and decide on its digest.',
  ),
  decision_already_made: final('approver', 'This action was decided already.'),
  decision_by_requester: final('approver', 'Somebody other than those who asked for it has to decide.'),
  decision_by_machine: final('approver', 'A person has to decide.'),
  decision_not_approver: final('approver', 'Somebody in one of the approver groups has to decide.'),
  standing_lost: final(
    'approver',
    'Somebody else has to say it: this person was taken out of the group or the workspace.',
  ),
  decision_repeated: final('approver', 'Each person counts once; somebody else has to approve, too.'),
  undo_malformed: final('approver', 'Send {comment, statement}.'),
  undo_disabled: final('policy', 'The policy of this run has rollback disabled.'),
  undo_window_closed: final('approver', 'The undo window is over; correct the records by hand.'),
  undo_not_completed: final('approver', 'Only a completed run can be undone; cancel a run that is still going.'),
  undo_requested: final('approver', 'Somebody had the completed run undone.'),
  undo_not_allowed: final('approver', 'Somebody in one of the groups of `rollback.who` has to say it.'),
  undo_under_way: final('approver', 'The run is being undone already.'),
  cancelled: final('approver', 'Somebody cancelled the run.'),
  stopped: final('approver', 'Somebody stopped this; read who and why, and `countersign resume` it when it may go on.'),
  resolve_malformed: final('approver', 'Send {step, resolution: retry | settled, comment, statement}.'),
  resolve_unknown_step: final('approver', 'No incident waits under that step; see `countersign show`.'),
  // What the host refuses before a system of record is touched.
  outside_workflow: final('platform', 'Writes run in a playbook of a registered type, as ordinary activities.'),
  activity_unknown: final('platform', 'Register the tool with the worker.'),
  run_unknown: final('platform', 'No worker opened this run; start it as a playbook.'),
  warrant_missing: final('platform', 'Call the tool with run.act; nothing else carries a warrant.'),
  warrant_mismatch: final('platform', 'The warrant was issued for something else.'),
  warrant_policy_unknown: final('platform', 'The policy of the warrant is not in the policy store.'),
  warrant_decision_differs: final('platform', 'The host decided otherwise than the playbook; the action was not run.'),
  receipt_invalid: final('platform', 'Cited evidence was not returned by a host of this installation.'),
  completion_invalid: final('platform', 'No host answers so: see who can complete activities in the namespace.'),
  approval_invalid: final('platform', 'The approvals of the warrant do not allow the action.'),
  effect_conflict: final('platform', 'This step already did something else; look at the ledger.'),
  effect_unknown: final('tool', 'It is not known whether the effect happened; find out and resolve the incident.'),
  effect_in_flight: again('tool', 'Another attempt of this step may still be running; it is asked again later.'),
  effect_abandoned: final('playbook', 'A write failed and the playbook went on without it; it is barred.'),
  effect_irreversible: final(
    'tool',
    'The effect cannot be undone; correct the records by hand and resolve the incident.',
  ),
  effect_undone: final('platform', 'This step was done and undone before; it is not done again.'),
  secret_unknown: final('platform', 'Give the worker the secret that the message names, then start the run again.'),
  blob_missing: again('platform', 'Restore `countersign.blobs` from a backup; the run waits for it.'),
  blob_altered: again('platform', 'Restore the row of `countersign.blobs` from a backup; the run waits for it.'),
  // What stands encrypted, and with which keys.
  keys_unavailable: again(
    'platform',
    'Give this process its master keys and the database of data keys; it is tried again.',
  ),
  payload_key_unknown: again(
    'platform',
    'Use the database whose `countersign.data_keys` has the key; the run waits for it.',
  ),
  payload_erased: final('platform', 'The key was destroyed, as an erasure demands; nobody can read it any more.'),
  payload_moved: final(
    'caller',
    'Send what was encrypted for this workflow and namespace, and nothing copied from another.',
  ),
  payload_damaged: final(
    'caller',
    'Send the payload as it was encrypted: it was cut, altered, or made with another key.',
  ),
  // What a tool met.
  input_invalid: final('playbook', 'The input does not match the contract of the tool.'),
  output_invalid: final('tool', 'The tool returned something other than its contract says.'),
  result_too_large: final('tool', 'Return less, or a reference to it.'),
  not_found: final('tool', 'The record does not exist.'),
  precondition_failed: final('tool', 'The record is not in a state in which this can be done.'),
  world_moved: final('tool', 'The record changed after the action was shown; it is shown again.'),
  tool_failed: final('tool', 'The tool refused; see its message.'),
  tool_threw: again('tool', 'The tool threw something untyped; it is tried again as its contract says.'),
  tool_unavailable: again('tool', 'The system did not answer; it is tried again.'),
  // What a model did.
  model_unavailable: again('model', 'The model endpoint did not answer; it is tried again.'),
  model_rejected: final('model', 'The model endpoint refused the call; check key, model and prompt.'),
  model_output_invalid: final('model', 'The model did not answer in the agreed form, nor when asked once more.'),
  model_refused: final('model', 'The model declined to answer; take the case over by hand.'),
  proposal_invalid: final('model', 'The model proposed what it was not offered; take the case over by hand.'),
  delegation_unfinished: final('model', 'The model was not done within its steps; take the case over by hand.'),
  // Ours.
  contract_incomplete: final('playbook', 'Fill the hole in the contract that the message names.'),
  playbook_failed: final('playbook', 'The playbook threw; read the message and mend the code.'),
  no_answer: again('platform', 'Start a worker of the version of the run; the same update id again is one message.'),
  database_unavailable: again('platform', 'The database did not answer; it is tried again.'),
  platform_failed: final('platform', 'This is a defect of Countersign or of its installation; report it with the run.'),
} as const satisfies Record<string, FailureRule>

export type FailureCode = keyof typeof FAILURES

export const isFailureCode = (value: unknown): value is FailureCode =>
  typeof value === 'string' && Object.hasOwn(FAILURES, value)

/** The rule of a code. */
export const failureRule = (code: FailureCode): FailureRule => FAILURES[code]

/**
 * Makes the typed failure of a code. Throw it in an activity: Temporal retries it as the activity's policy
 * says when the code is retryable and not at all otherwise. `details` enters the history: no secrets.
 * Failures that are somebody's decision (policy, approver, caller) are marked benign, which keeps them out of
 * Temporal's error metrics.
 */
export function fail(
  code: FailureCode,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: Error,
): ApplicationFailure {
  const rule = FAILURES[code]
  const decided = rule.fault === 'policy' || rule.fault === 'approver' || rule.fault === 'caller'
  return ApplicationFailure.create({
    type: code,
    // Half a character ends the worker: the SDK cannot write it to the wire. Long texts end the run.
    message: shortened(message, MAX_MESSAGE_CHARACTERS),
    nonRetryable: !rule.retryable,
    details: [details],
    ...(decided ? { category: ApplicationFailureCategory.BENIGN } : {}),
    ...(cause === undefined ? {} : { cause }),
  })
}

/** The same failure, to be tried again no sooner than after so many milliseconds. */
export function delayed(failure: ApplicationFailure, afterMs: number): ApplicationFailure {
  return ApplicationFailure.create({
    type: failure.type ?? 'platform_failed',
    message: failure.message,
    nonRetryable: failure.nonRetryable ?? false,
    details: failure.details ?? [],
    nextRetryDelay: afterMs,
  })
}

export interface Failure {
  readonly code: FailureCode
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

/**
 * Reads the first of our failures in an error, its causes and its aggregated errors, by `type` and never by
 * `instanceof`, which does not survive the wire. `undefined` when none of them is ours.
 */
export function failureOf(error: unknown): Failure | undefined {
  const seen = new Set<unknown>()
  const queue: unknown[] = [error]
  while (queue.length > 0) {
    const next = queue.shift()
    if (typeof next !== 'object' || next === null || seen.has(next)) continue
    seen.add(next)
    const candidate = next as {
      type?: unknown
      message?: unknown
      details?: unknown
      cause?: unknown
      errors?: unknown
    }
    if (isFailureCode(candidate.type)) {
      const first: unknown = Array.isArray(candidate.details) ? candidate.details[0] : undefined
      return {
        code: candidate.type,
        message: typeof candidate.message === 'string' ? candidate.message : '',
        details: typeof first === 'object' && first !== null ? { ...first } : {},
      }
    }
    queue.push(candidate.cause)
    if (Array.isArray(candidate.errors)) queue.push(...(candidate.errors as unknown[]))
  }
  return undefined
}

/** The code of a failure as `failureOf` finds it. */
export const codeOf = (error: unknown): FailureCode | undefined => failureOf(error)?.code
