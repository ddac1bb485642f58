import {
  allHandlersFinished,
  CancelledFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow'
import type { z } from 'zod'
import { Bulk } from '../../src/contract/bulk.ts'
import type { OpenRunCall, SealCall } from '../../src/contract/calls.ts'
import type { Carried, Seal } from '../../src/contract/carried.ts'
import { canonicalJson, digestOf, digestOfText } from '../../src/contract/digest.ts'
import { runKeyOf } from '../../src/contract/evidence.ts'
import { fail, type FailureCode } from '../../src/contract/failures.ts'
import { MAX_OUTCOME_CHARACTERS } from '../../src/contract/limits.ts'
import { firstIssue } from '../../src/contract/issue.ts'
import { type Json, plain } from '../../src/contract/json.ts'
import type { PlaybookContract } from '../../src/contract/playbook.ts'
import { type Answer, type RunResult, type RunStatus, type StartMessage, undoMessage } from '../../src/contract/run.ts'
import { assuranceText } from '../../src/contract/principal.ts'
import type { RunEnd } from '../../src/contract/states.ts'
import { type Stopped, stoppedIn } from '../../src/contract/stop.ts'
import { textOf } from '../../src/contract/text.ts'
import type { ReadTool } from '../../src/contract/tool.ts'
import { WIRE } from '../../src/contract/wire.ts'
import { SUMMARIES } from '../../src/contract/summaries.ts'
import { notActedOn } from '../../src/policy/decide/not-acted-on.ts'
import type { OpenedRun } from '../../src/policy/types.ts'
import { Approvals } from './approvals.ts'
import { Board, type Judged, notHeard, now, refuse, unheard } from './board.ts'
import { Continuation, ContinueRun } from './continuation.ts'
import { Dispatcher, hostOptions } from './dispatch.ts'
import { Hearing } from './hearing.ts'
import { bareCase, type End, endOf, endWith } from './ends.ts'
import { Journal } from './journal.ts'
import { Outcome } from './outcome.ts'
import { KernelRun, type Run } from './run.ts'
import { Saga, type UndoReason } from './saga.ts'

const decideUpdate = defineUpdate<Answer, [unknown]>(WIRE.updates.decide)
const undoUpdate = defineUpdate<Answer, [unknown]>(WIRE.updates.undo)
const resolveUpdate = defineUpdate<Answer, [unknown]>(WIRE.updates.resolve)
const outcomeUpdate = defineUpdate<RunResult>(WIRE.updates.outcome)
const decideSignal = defineSignal<[unknown]>(WIRE.signals.decide)
const undoSignal = defineSignal<[unknown]>(WIRE.signals.undo)
const resolveSignal = defineSignal<[unknown]>(WIRE.signals.resolve)
const statusQuery = defineQuery<RunStatus>(WIRE.queries.status)

/** A playbook as the worker registers it: the workflow function, and the contract that the host reads. */
export interface Playbook<R extends z.ZodType = z.ZodType> {
  (start: StartMessage): Promise<RunResult>
  readonly contract: PlaybookContract<R>
}

/**
 * Makes a playbook of a contract and its body. Export it from the workflows file under the contract's name:
 * that is the workflow type. The body is plain deterministic workflow code; what it returns, plain JSON, is the
 * outcome.
 * What it throws ends the run as `failed`, or `reverted` when there was something to compensate.
 */
export function playbook<R extends z.ZodType, V extends ReadTool>(
  contract: PlaybookContract<R, V>,
  body: (run: Run, request: z.output<R>) => Promise<unknown>,
): Playbook<R> {
  const workflow = async (start: StartMessage, carried?: unknown): Promise<RunResult> =>
    await new Execution(contract, body as Body, start).run(carried)
  return Object.assign(workflow, { contract })
}

type Body = (run: Run, request: unknown) => Promise<unknown>
type Ended = { readonly outcome: Json } | End

/** An outcome as the history can hold it; fails with `playbook_failed` on what JSON cannot say. */
function plainJson(outcome: unknown): Json {
  let text: string
  try {
    text = canonicalJson(outcome ?? null)
  } catch (error) {
    throw fail('playbook_failed', `the outcome is not plain JSON: ${textOf(error)}`)
  }
  if (text.length > MAX_OUTCOME_CHARACTERS) {
    throw fail('playbook_failed', `the outcome has ${text.length} characters, at most ${MAX_OUTCOME_CHARACTERS}`)
  }
  return JSON.parse(text) as Json
}

/** What stands in the start of an execution that goes on after another one. */
interface Sealed {
  readonly carried: Carried
  readonly seal: Seal
}

/**
 * What the host is asked to verify of it: that this is what the run took along. Only Temporal can tell an execution that it
 * goes on after another one; a start that brings a past along without is refused there.
 */
function continued(carried: unknown): Pick<OpenRunCall, 'continued'> {
  if (carried === undefined) return {}
  const { carried: taken = null, seal = null }: { carried?: Json; seal?: Json } =
    typeof carried === 'object' && carried !== null ? carried : {}
  const isContinued = workflowInfo().continuedFromExecutionRunId !== undefined
  return {
    continued: isContinued ? { digest: digestOf(taken), seal } : { digest: digestOf(null), seal: null },
  }
}

/** A signal is answered by nobody; the run does not leave an execution before it was judged. */
const silently = async (answer: Promise<Answer>): Promise<void> => void (await answer)

/** The workspace that a start message says, before anybody verified it. */
function workspaceIn(start: unknown): string | null {
  const { statement } = (start ?? {}) as { readonly statement?: { readonly who?: { readonly workspace?: unknown } } }
  const workspace = statement?.who?.workspace
  return typeof workspace === 'string' ? workspace : null
}

/** The life of a run: opened, carried out, ended, undoable for a while, closed. It may go on in several executions. */
class Execution {
  readonly #contract: PlaybookContract
  readonly #body: Body
  readonly #board: Board
  readonly #dispatcher: Dispatcher
  readonly #approvals: Approvals
  readonly #hearing: Hearing
  readonly #saga: Saga
  readonly #outcome: Outcome
  readonly #journal = new Journal()
  readonly #continuation = new Continuation(this.#journal)
  readonly #start: unknown
  #isContinued = false
  #carried: Carried | undefined
  #ended: Ended | undefined
  #undo: UndoReason | undefined
  #undoDeadline: number | null = null
  #isWindowOver = false
  #isClosing = false

  constructor(contract: PlaybookContract, body: Body, start: unknown) {
    const { workflowId, firstExecutionRunId, workflowType } = workflowInfo()
    this.#contract = contract
    this.#body = body
    this.#start = start
    this.#board = new Board(runKeyOf(workflowId, firstExecutionRunId), contract.name)
    this.#dispatcher = new Dispatcher(this.#journal, (isBrief) => this.#board.flush(isBrief))
    this.#board.claimedWorkspace = workspaceIn(start)
    this.#hearing = new Hearing(this.#dispatcher, this.#board.runKey, this.#board.claimedWorkspace)
    this.#approvals = new Approvals(this.#board, this.#journal, this.#hearing, this.#dispatcher)
    this.#saga = new Saga(this.#board, this.#dispatcher, workflowType, this.#continuation, this.#hearing)
    this.#outcome = new Outcome(this.#board)
  }

  async run(carried: unknown): Promise<RunResult> {
    const { runId, firstExecutionRunId, continuedFromExecutionRunId } = workflowInfo()
    this.#isContinued = carried !== undefined && continuedFromExecutionRunId !== undefined
    this.#listen()
    // A run that goes on, or was reset, has effects: a cancel waits until they are known, and then unwinds them.
    const opened =
      runId !== firstExecutionRunId
        ? await CancellationScope.nonCancellable(() => this.#open(carried))
        : await this.#open(carried)
    if ('state' in opened) return await CancellationScope.nonCancellable(() => this.#close(opened))
    const ofRun = CancellationScope.current()
    const { run, ended } = await this.#carryOut(opened, ofRun)
    // From here on a cancel changes nothing: what was done is settled first.
    return await CancellationScope.nonCancellable(async () => {
      this.#continuation.playbookIsOver()
      this.#ended = ended
      try {
        this.#ended = await this.#settled(run, ended, opened)
        if ('outcome' in this.#ended) return await this.#keepOpen(opened, this.#ended.outcome, ofRun)
        return await this.#close(await this.#compensated(this.#ended, opened))
      } catch (error) {
        if (error instanceof ContinueRun) await this.#continue()
        throw error
      }
    })
  }

  /** Handlers stand before the first await, so that what arrives with the start finds them. */
  #listen(): void {
    const decide = (message: unknown) =>
      this.#onceTakenUp(
        () => this.#approvals.decide(message),
        () => this.#approvals.isAskedAgain(message),
      )
    const resolve = (message: unknown) =>
      this.#onceTakenUp(
        () => this.#saga.resolve(message),
        () => this.#board.incidents.length >= (this.#carried?.incidents ?? 0),
      )
    const undo = (message: unknown) => this.#onceTakenUp(() => this.#requestUndo(message))
    const said = 'Somebody who has looked at the action, other than the requester, decides on its digest.'
    setHandler(decideUpdate, decide, { description: said })
    setHandler(decideSignal, (message) => silently(decide(message)), { description: said })
    setHandler(undoUpdate, undo, { description: 'Undoes a completed run inside its window.' })
    setHandler(undoSignal, (message) => silently(undo(message)))
    setHandler(resolveUpdate, resolve, { description: 'Settles an incident: retry or settled.' })
    setHandler(resolveSignal, (message) => silently(resolve(message)))
    setHandler(outcomeUpdate, () => this.#outcome.wait())
    setHandler(statusQuery, () => this.#board.status())
  }

  /** What is said to an execution that goes on after another one waits until it stands where that one stood. */
  #onceTakenUp(answer: () => Promise<Answer>, stands: () => boolean = () => true): Promise<Answer> {
    const isTakenUp = (): boolean => {
      if (!this.#isContinued || this.#isClosing || this.#outcome.isLeft) return true
      // One that cannot be opened waits for a person, who is heard.
      if (this.#carried === undefined) return this.#board.incidents.length > 0
      const { settled } = this.#carried
      const isOver = this.#board.result !== null
      if (settled === null) return isOver || stands()
      // An undo that waited for a person is tried before it waits again.
      if (settled.undo === null && isOver) return true
      return stands() && this.#board.incidents.length > 0
    }
    if (isTakenUp()) return answer()
    return CancellationScope.nonCancellable(async () => {
      await condition(isTakenUp)
      return await answer()
    })
  }

  async #open(carried: unknown): Promise<OpenedRun | End> {
    try {
      const call: OpenRunCall = {
        runKey: this.#board.runKey,
        start: (this.#start ?? null) as Json,
        ...continued(carried),
      }
      const opened = await this.#dispatcher.local<OpenedRun>(WIRE.activities.openRun, call, hostOptions(SUMMARIES.open))
      const { policy, principal, request, requestDigest, policyDigest, kernelVersion, buildId } = opened
      const auditExport = policy.audit.export
      const candidateDigest = opened.candidate?.policyDigest ?? null
      const digests = { requestDigest, policyDigest, candidateDigest }
      const record = { principal, request, ...digests, kernelVersion, buildId, auditExport }
      this.#hearing.takesUnsigned = policy.approvals.unsigned === 'accept'
      this.#approvals.notifies = opened.notifies === true
      Object.assign(this.#board, record, { notActedOn: notActedOn(policy, opened.notifies === true) })
      this.#board.enter('in_progress')
      if (call.continued !== undefined) this.#restore((carried as Sealed).carried)
      this.#board.note('open', `${this.#contract.title}, asked by ${principal.subject} (${assuranceText(principal)})`)
      return opened
    } catch (error) {
      const stopped = stoppedIn(error)
      if (stopped !== undefined) return (await this.#untilResumed(stopped)) ?? (await this.#open(carried))
      if (this.#isContinued) return (await this.#untilOpenable(error)) ?? (await this.#open(carried))
      // The converter's stack is not deep enough for what somebody sent; JSON that is read need not be writable.
      const isTooDeep = error instanceof Error && error.name === 'ValueError'
      return isTooDeep ? endWith('failed', 'request_invalid', 'the start message nests too deeply') : endOf(error)
    }
  }

  /** Takes up what an earlier execution left; a host has verified that it is that. */
  #restore(carried: Carried): void {
    const { timeline, attempts, journal, settled, counted } = carried
    this.#hearing.restore(counted)
    this.#carried = carried
    this.#board.restore(timeline, attempts)
    this.#journal.restore(journal)
    this.#approvals.restore(carried)
    if (settled === null) return
    this.#saga.restore(settled, this.#contract.tools)
    this.#board.spend = settled.spend
    this.#undo = settled.undo ?? undefined
    this.#undoDeadline = settled.undoDeadline
  }

  /** A run that goes on has effects, and must not close over them: a person sees to what keeps it from being opened. */
  async #untilOpenable(error: unknown): Promise<End | undefined> {
    const { because } = endOf(error)
    this.#board.enter('in_progress')
    const resolution = await this.#saga.park(WIRE.activities.openRun, because.code, because.message)
    return resolution === 'settled' ? endWith('escalated', because.code, because.message) : undefined
  }

  /** Waits until a run that was stopped may be opened. `undefined`: it may; otherwise how it ends instead. */
  async #untilResumed({ message, stop }: Stopped): Promise<End | undefined> {
    // Blocked is what is in progress.
    this.#board.enter('in_progress')
    try {
      const resolution = await this.#saga.park(WIRE.activities.openRun, 'stopped', message, { stop })
      return resolution === 'settled' ? endWith('escalated', 'stopped', message) : undefined
    } catch (error) {
      return endOf(error)
    }
  }

  /** Runs the playbook until it returns or its end is decided, and until nothing is under way any more. */
  async #carryOut(
    opened: OpenedRun,
    ofRun: CancellationScope,
  ): Promise<{ readonly run: KernelRun; readonly ended: Ended }> {
    const { workflowType } = workflowInfo()
    const parts = {
      board: this.#board,
      approvals: this.#approvals,
      saga: this.#saga,
      dispatcher: this.#dispatcher,
      continuation: this.#continuation,
    }
    const run = new KernelRun(opened, this.#contract, workflowType, parts)
    const before = this.#carried?.settled
    if (before !== undefined && before !== null) return { run, ended: before.ended }
    const scope = new CancellationScope()
    try {
      const body = scope.run(() => this.#body(run, opened.request))
      // A playbook that catches its end, or its cancellation, goes no further: its next step never returns.
      const due = CancellationScope.nonCancellable(() => this.#continuation.whenDue())
      const outcome = plainJson(await Promise.race([body, run.ended, due]))
      // The last write may have gone through although the run was cancelled.
      const ended = scope.consideredCancelled ? endOf(new CancelledFailure('the run was cancelled')) : { outcome }
      return { run, ended }
    } catch (error) {
      if (error instanceof ContinueRun) await CancellationScope.nonCancellable(() => this.#continue(ofRun))
      if (!scope.consideredCancelled) await this.#letLeave(run)
      scope.cancel()
      return { run, ended: endOf(error instanceof ContinueRun ? new CancelledFailure('the run was cancelled') : error) }
    }
  }

  /**
   * Lets what this very workflow task has asked for leave before it is told to stop. Where a query came with the task, a
   * local activity may end it and go on in the next one; a replay sees both as one, and would ask for nothing.
   */
  async #letLeave(run: KernelRun): Promise<void> {
    run.close()
    if (this.#journal.isIdle && this.#board.pending.length === 0) return
    await CancellationScope.nonCancellable(() => sleep(1, { summary: SUMMARIES.ending }))
  }

  /**
   * Goes on in another execution, with all that this one knows; does not return, unless the run is cancelled (`ofRun`)
   * before it has left. What people say meanwhile is taken along, too.
   */
  async #continue(ofRun?: CancellationScope): Promise<void> {
    const isCancelled = (): boolean => ofRun?.consideredCancelled === true
    for (;;) {
      await condition(() => this.#journal.isIdle)
      if (isCancelled()) return
      const digest = digestOf(this.#toCarry())
      const call: SealCall = { runKey: this.#board.runKey, digest }
      const options = hostOptions(SUMMARIES.seal)
      const seal = await this.#dispatcher.local<Seal>(WIRE.activities.seal, call, options)
      const carried = this.#toCarry()
      if (!this.#journal.isIdle || digestOf(carried) !== digest) continue
      this.#board.flush()
      this.#outcome.leave()
      if (!allHandlersFinished()) await condition(allHandlersFinished)
      // Those who had to wait have spoken only now, and a cancel may have come.
      if (isCancelled()) return
      if (!this.#journal.isIdle || digestOf(this.#toCarry()) !== digest) continue
      const sealed: Sealed = { carried, seal }
      await continueAsNew(this.#start, new Bulk(sealed))
    }
  }

  /** Plain: what strangers sent and tools threw may be what nothing can digest. */
  #toCarry(): Carried {
    const { timeline, attempts, effects, spend, incidents } = this.#board
    const ended = this.#ended
    return plain({
      v: 1,
      // A playbook that is over is not gone through again.
      journal: ended === undefined ? this.#journal.entries : [],
      waiting: this.#approvals.waiting,
      decided: this.#approvals.decided,
      counted: this.#hearing.used,
      incidents: incidents.length,
      timeline,
      attempts,
      settled:
        ended === undefined
          ? null
          : {
              ended,
              registered: this.#saga.registered,
              effects,
              spend,
              undoDeadline: this.#undoDeadline,
              undo: this.#undo ?? null,
            },
    })
  }

  /** Waits for what is under way, takes over what the ledger knows beside, and bars what the playbook got over. */
  async #settled(run: KernelRun, ended: Ended, opened: OpenedRun): Promise<Ended> {
    await run.settle()
    run.close()
    let end = run.end ?? ended
    this.#ended = end
    try {
      await run.adoptStrays('outcome' in end && !this.#isContinued)
    } catch (error) {
      if (error instanceof ContinueRun) throw error
      // What is registered is compensated all the same.
      end = endOf(error)
    }
    // A write that failed and that the playbook got over must not happen late.
    if ('outcome' in end && this.#undo === undefined) {
      await this.#saga.unwind({ why: 'effect_abandoned', by: null }, opened.policyDigest, ['running'])
    }
    return end
  }

  /** Compensates, and says what that makes of the end. */
  async #compensated(end: End, opened: OpenedRun): Promise<End> {
    const { code, by } = end.because
    await this.#saga.unwind({ why: code, by }, opened.policyDigest)
    const undone = this.#board.effects.some(({ state }) => state === 'undone' || state === 'settled')
    return end.state === 'failed' && undone ? { ...end, state: 'reverted' } : end
  }

  /** The outcome is known; the run stays open as long as an operator can undo it. */
  async #keepOpen(opened: OpenedRun, outcome: Json, ofRun: CancellationScope): Promise<RunResult> {
    const { enabled, windowMinutes } = opened.policy.rollback
    const undoable = this.#board.effects.some(({ state, reversible }) => state === 'done' && reversible)
    // In an execution that goes on after another one, what is left of the window; an undo that was begun goes on.
    const deadline = this.#undoDeadline ?? Date.now() + (enabled && undoable ? windowMinutes * 60_000 : 0)
    const windowMs = this.#undo === undefined ? Math.max(deadline - Date.now(), 0) : 0
    this.#undoDeadline = deadline
    if (windowMs > 0) this.#board.undoUntil = new Date(deadline).toISOString()
    this.#board.enter('completed')
    this.#board.note('end', 'completed')
    this.#board.result = this.#result('completed', outcome, null)
    this.#board.flush()
    if (windowMs > 0) {
      this.#ignoreCancel(ofRun)
      const isLeft = (): boolean => this.#undo === undefined && Date.now() < deadline
      await condition(() => this.#undo !== undefined || this.#continuation.isDueAfterPlaybook, windowMs, {
        summary: SUMMARIES.undoWindow,
      })
      if (isLeft() && this.#continuation.isDueAfterPlaybook) throw new ContinueRun()
    }
    if (this.#undo === undefined) {
      this.#isWindowOver = windowMs > 0
      this.#board.undoUntil = null
      return await this.#close(null)
    }
    await this.#saga.unwind(this.#undo, opened.policyDigest)
    // Whose word counted in the end.
    const { by } = this.#undo
    const message = `undone by ${by ?? 'an operator'}`
    return await this.#close({ state: 'reverted', because: bareCase('undo_requested', message, by) })
  }

  /** A completed run has nothing to cancel; whoever meant to take it back is told how. */
  #ignoreCancel(ofRun: CancellationScope): void {
    ofRun.cancelRequested.catch(() => {
      this.#board.note('note', 'a cancel changes nothing: the run is completed; `countersign undo` takes it back')
      this.#board.flush()
    })
  }

  async #requestUndo(raw: unknown): Promise<Answer> {
    return await this.#board.attempt('undo', raw, () => this.#judgeUndo(raw))
  }

  async #judgeUndo(raw: unknown): Promise<Judged> {
    const parsed = undoMessage().safeParse(raw)
    if (!parsed.success) return unheard(refuse('undo_malformed', firstIssue(parsed.error)))
    const { comment } = parsed.data
    const before = this.#notUndoable()
    if (before !== undefined) return unheard(refuse(...before))
    const about = { kind: 'undo', runKey: this.#board.runKey, whyDigest: digestOfText(comment) } as const
    const heard = await this.#hearing.hear(about, parsed.data)
    if ('refused' in heard) return notHeard(heard.refused)
    const { by, statement } = heard
    const assurance = assuranceText(statement.who)
    // The window may have closed, or somebody else may have been first, while a host verified this.
    const after = this.#notUndoable()
    if (after !== undefined) return { by, assurance, describe: null, answer: refuse(...after) }
    const undo = { why: 'undo_requested', by, statement } as const
    if (this.#undo !== undefined) this.#saga.goOnWith(undo)
    this.#undo = undo
    this.#board.undoUntil = null
    const words = comment === '' ? '' : `: ${comment}`
    this.#board.note('undo', `${by} (${assurance}) undoes the run${words}`)
    const answer = { accepted: true, message: `the run is being undone for ${by}` } as const
    return { by, assurance, describe: null, answer }
  }

  /** Why the run cannot be undone now; `undefined`: it can. */
  #notUndoable(): readonly [FailureCode, string] | undefined {
    // It was asked for in time, by somebody whose word does not count any more: it goes on with another's.
    if (this.#undo !== undefined && this.#saga.needsAnotherWord) return undefined
    if (this.#board.state !== 'completed') {
      return ['undo_not_completed', `the run is ${this.#board.state}, not completed`]
    }
    if (this.#undo !== undefined) return ['undo_under_way', 'the run is being undone already']
    if (this.#board.undoUntil === null && !this.#isWindowOver) {
      return ['undo_disabled', 'the policy of the run gives it no undo window']
    }
    return this.#isWindowOver || Date.now() >= (this.#undoDeadline ?? 0)
      ? ['undo_window_closed', 'the undo window of the run is over']
      : undefined
  }

  /** Enters the end, answers whoever waits for the outcome, and closes. A failed run closes as Failed, typed. */
  async #close(end: End | null): Promise<RunResult> {
    this.#isClosing = true
    if (end !== null) {
      this.#board.enter(end.state)
      this.#board.note('end', `${end.state}: ${end.because.message}`)
      this.#board.result = this.#result(end.state, null, end.because)
    } else if (this.#board.result !== null) {
      this.#board.result = { ...this.#board.result, undoUntil: null, at: now() }
    }
    this.#board.flush()
    if (!allHandlersFinished()) await condition(allHandlersFinished)
    const result = this.#board.result as RunResult
    if (result.state === 'failed' && result.because !== null) {
      const failure = fail(result.because.code, result.because.message, { ...result })
      // The code says where to look; a stack would only put paths of the bundle into the history.
      failure.stack = ''
      throw failure
    }
    return result
  }

  #result(state: RunEnd, outcome: Json, because: RunResult['because']): RunResult {
    const { drafts } = this.#board
    return {
      runKey: this.#board.runKey,
      playbook: this.#contract.name,
      requestDigest: this.#board.requestDigest,
      principal: this.#board.principal,
      state,
      outcome,
      because,
      effects: this.#board.effects.map((effect) => ({ ...effect })),
      ...(drafts.length === 0 ? {} : { drafts: [...drafts] }),
      spend: this.#board.spend,
      policyDigest: this.#board.policyDigest,
      undoUntil: this.#board.undoUntil,
      at: now(),
    }
  }
}
