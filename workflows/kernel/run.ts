import { CancellationScope, CancelledFailure, condition, metricMeter } from '@temporalio/workflow'
import type { z } from 'zod'
import {
  actionDigestOf,
  type Approval,
  type Edit,
  inputDigestOf,
  undoPathOf,
  type LedgerEntry,
  type Preview,
  type Warrant,
} from '../../src/contract/action.ts'
import { previewOfStep, resultOfStep, resultOfThought } from '../../src/contract/answers.ts'
import type { RecallCall, ThinkCall, ThinkResult } from '../../src/contract/calls.ts'
import type { RunKey, StepResult } from '../../src/contract/evidence.ts'
import { fail, type FailureCode, failureOf } from '../../src/contract/failures.ts'
import { firstIssue } from '../../src/contract/issue.ts'
import { deepFreeze, type Json } from '../../src/contract/json.ts'
import { formatMicroUsd } from '../../src/contract/money.ts'
import { shortened } from '../../src/contract/plain-text.ts'
import type { PlaybookContract } from '../../src/contract/playbook.ts'
import type { ProposalThought } from '../../src/contract/proposal.ts'
import { reachedIn } from '../../src/contract/reached.ts'
import { type Stopped, stoppedIn } from '../../src/contract/stop.ts'
import type { ReadTool, Thought, Tool, WriteTool } from '../../src/contract/tool.ts'
import { candidateText, textOf } from '../../src/contract/text.ts'
import { canonicalJson } from '../../src/contract/digest.ts'
import { WIRE } from '../../src/contract/wire.ts'
import { SUMMARIES, summaryOfStep } from '../../src/contract/summaries.ts'
import type { OpenedRun } from '../../src/policy/types.ts'
import type { Approvals } from './approvals.ts'
import { type Board, now } from './board.ts'
import { Budget } from './budget.ts'
import type { Continuation } from './continuation.ts'
import { requirementsOf } from '../../src/policy/decide/requirements.ts'
import { type Delegated, delegate, type Delegation } from './delegate.ts'
import { type Dispatcher, hostOptions, stepOptions } from './dispatch.ts'
import { answerOrEnd, type End, endOf, EndOfRun, endWith } from './ends.ts'
import { actionOf, type Attempt, isListed, judge, notGranted, notListed, type Ruling, ungrounded } from './judge.ts'
import type { Saga } from './saga.ts'
import { type StepName, Steps } from './steps.ts'

/** What a playbook holds: everything it can do. Each call is one recorded step. */
export interface Run {
  readonly key: RunKey
  /** Reads; the result is evidence and cannot be changed. */
  read<T extends ReadTool>(tool: T, input: z.input<T['input']>, name?: StepName): Promise<z.output<T['output']>>
  /** Asks a model, by its role; the result is a model's word and marked so. */
  think<T extends Thought>(thought: T, input: z.input<T['input']>, name?: StepName): Promise<z.output<T['output']>>
  /** Says what the run is going to do; it stands in every warrant after it. */
  plan(text: string): void
  /** Changes the world, if the policy lets it. Where it only suggests, the action is drafted and the run goes no further. */
  act<T extends WriteTool>(tool: T, input: z.input<T['input']>, how: Grounds): Promise<z.output<T['output']>>
  /**
   * Lets a model propose calls, one at a time, of what is offered to it. Each is decided, done and recorded as if the
   * playbook had written it. A model that proposes something else twice in a row, or is not done within its steps, ends
   * the run as `escalated`. A read that finds nothing is told to the model; what else fails is thrown.
   */
  delegate(thought: ProposalThought, work: Delegation): Promise<Delegated>
  /** Ends the run as `refused`: what was done is compensated. */
  refuse(message: string): never
  /** Ends the run as `escalated`: a person takes over, and what was done is compensated. */
  escalate(message: string): never
}

/** How an action is proposed. */
export interface Grounds extends StepName {
  /** Results of earlier steps: the evidence. */
  readonly because: readonly object[]
  /**
   * Why the playbook says no to this action: the run then ends as `refused`. Unlike `run.refuse` it asks the ledger
   * first, so give it where the reason may be what this very step did before a reset.
   */
  readonly refuse?: string | undefined
}

/** How often an action is decided, and so how often it is shown to people at most; whoever changes it has it shown anew. */
const MAX_ROUNDS = 3
const MAX_EDITS = 20

/** Nothing was done: the world moved under what was approved, or the approval grew too old while the step was stopped. */
const SHOWN_AGAIN: readonly FailureCode[] = ['world_moved', 'approval_invalid']

/** What a candidate policy would have said otherwise, for the record. */
const besideIn = ({ candidate }: Pick<Ruling, 'candidate'>): Pick<Ruling, 'candidate'> =>
  candidate === undefined ? {} : { candidate }

/** The `Run` of a playbook: the life of an action, step by step, as `docs/architecture.md` tells it. */
export class KernelRun implements Run {
  readonly key: RunKey
  readonly #opened: OpenedRun
  readonly #contract: PlaybookContract
  readonly #workflowType: string
  readonly #board: Board
  readonly #approvals: Approvals
  readonly #saga: Saga
  readonly #dispatcher: Dispatcher
  readonly #continuation: Continuation
  readonly #budget: Budget
  readonly #steps = new Steps()
  #plan: string | null = null
  #end: End | undefined
  #closed = false
  #underWay = 0
  #drafted = 0
  #thinking: Promise<unknown> = Promise.resolve()
  #reject: (end: EndOfRun) => void = () => {}

  constructor(
    opened: OpenedRun,
    contract: PlaybookContract,
    workflowType: string,
    parts: {
      readonly board: Board
      readonly approvals: Approvals
      readonly saga: Saga
      readonly dispatcher: Dispatcher
      readonly continuation: Continuation
    },
  ) {
    this.key = opened.runKey
    this.#opened = opened
    this.#contract = contract
    this.#workflowType = workflowType
    this.#board = parts.board
    this.#approvals = parts.approvals
    this.#saga = parts.saga
    this.#dispatcher = parts.dispatcher
    this.#continuation = parts.continuation
    const end = (): End | undefined => this.#end
    this.#budget = new Budget(opened, contract, { ...parts, end, ends: (decided) => this.#ends(decided) })
    this.ended.catch(() => {})
  }

  /** Rejects with `EndOfRun` once the end of the run is decided. */
  readonly ended = new Promise<never>((_, reject) => {
    this.#reject = reject
  })

  /** From now on no step begins: the run is over for its playbook. */
  close(): void {
    this.#closed = true
  }

  /** The end that was decided for the run, whatever the playbook made of being told. */
  get end(): End | undefined {
    return this.#end
  }

  /** Waits until no step is under way: effects in flight must be known before anything is undone. */
  async settle(): Promise<void> {
    if (this.#underWay > 0) await condition(() => this.#underWay === 0)
    if (this.#budget.isUntold) await this.#budget.askLedger()
  }

  read<T extends ReadTool>(tool: T, input: z.input<T['input']>, name: StepName = {}): Promise<z.output<T['output']>> {
    return this.#track(async () => {
      const step = this.#steps.next(tool.name, name)
      const call = { runKey: this.key, step, input: this.#parse(tool, input) }
      if (!isListed(this.#contract, tool)) throw this.#ends(notListed(tool))
      const ungranted = notGranted(tool, this.#opened)
      if (ungranted !== undefined) throw this.#ends(ungranted)
      if (!this.#budget.countToolCall()) await this.#budget.admitToolCall(step)
      const options = stepOptions(tool, step, summaryOfStep(tool))
      const answers = resultOfStep({ runKey: this.key, step, tool: tool.name })
      const result = await this.#unlessStopped(step, () =>
        this.#dispatcher.read(tool.name, tool.local, call, options, answers),
      )
      this.#board.note('read', `${tool.title}: ${result.receipt.reference}`, step)
      this.#budget.see(tool, result)
      return this.#steps.keep(result) as z.output<T['output']>
    })
  }

  think<T extends Thought>(
    thought: T,
    input: z.input<T['input']>,
    name: StepName = {},
  ): Promise<z.output<T['output']>> {
    return this.#track(async () => {
      if (!this.#contract.thoughts.some((listed) => listed.name === thought.name)) {
        throw this.#ends(endWith('refused', 'tool_not_listed', `the playbook does not list \`${thought.name}\``))
      }
      const step = this.#steps.next(thought.name, name)
      const asked = this.#parse(thought, input)
      // One after the other, so that none is refused for what is only set aside for another.
      const mine = this.#thinking.then(() => this.#think(thought, step, asked))
      this.#thinking = mine.catch(() => {})
      return this.#steps.keep(await mine) as z.output<T['output']>
    })
  }

  async #think(thought: Thought, step: string, input: Json): Promise<ThinkResult> {
    const options = stepOptions(thought, step, summaryOfStep(thought))
    const isPlain = this.#opened.plainThoughts.includes(thought.name)
    const answers = resultOfThought({ runKey: this.key, step, tool: thought.name })
    for (;;) {
      const call: ThinkCall = { runKey: this.key, step, thought: thought.name, input, ...this.#budget.shown }
      try {
        const result = await this.#dispatcher.read(WIRE.activities.think, isPlain, call, options, answers)
        this.#budget.spent(result)
        const version = result.prompt?.version
        const how = version === undefined ? '' : `, prompt ${version}`
        this.#board.note('think', `${thought.title}: ${result.model}${how}, ${formatMicroUsd(result.microUsd)}`, step)
        return result
      } catch (error) {
        const stopped = stoppedIn(error)
        if (stopped === undefined) await this.#budget.failed(step, isPlain, error)
        else await this.#untilResumed(step, stopped)
      }
    }
  }

  plan(text: string): void {
    this.#plan = shortened(text, 2000)
    this.#board.note('plan', this.#plan)
  }

  act<T extends WriteTool>(tool: T, input: z.input<T['input']>, how: Grounds): Promise<z.output<T['output']>> {
    return this.#track(async () => {
      const step = this.#steps.next(tool.name, how)
      const isWithinBudget = this.#budget.countToolCall()
      if (how.refuse !== undefined) {
        const said = endWith('refused', 'refused_by_playbook', how.refuse)
        return this.#steps.keep(await this.#knownOr(step, () => this.#ends(said))) as z.output<T['output']>
      }
      let attempt: Attempt
      try {
        attempt = { step, tool, input: this.#parse(tool, input), evidence: this.#steps.cite(step, how.because) }
      } catch (error) {
        // After a reset the world shows what this very step did, and its input may make no sense any more.
        return this.#steps.keep(await this.#knownOr(step, () => error)) as z.output<T['output']>
      }
      return this.#steps.keep(await this.#perform(attempt, isWithinBudget)) as z.output<T['output']>
    })
  }

  delegate(thought: ProposalThought, work: Delegation): Promise<Delegated> {
    return delegate(this, thought, work, {
      note: (text) => this.#board.note('note', text),
      ends: (code, message) => this.#ends(endWith('escalated', code, message)),
      citedTools: (because) => this.#steps.cite(thought.name, because).map(({ receipt }) => receipt.tool),
    })
  }

  refuse(message: string): never {
    throw this.#ends(endWith('refused', 'refused_by_playbook', message))
  }

  escalate(message: string): never {
    throw this.#ends(endWith('escalated', 'escalated_by_playbook', message))
  }

  /**
   * Decides, asks, warrants and executes. It decides again when a host found a limit over time reached, and shows the
   * action again when the approval does not hold any more.
   */
  async #perform(proposed: Attempt, isWithinBudget: boolean): Promise<StepResult> {
    let attempt = proposed
    if (!isWithinBudget && isListed(this.#contract, attempt.tool)) {
      // After a reset this very step may be done: then nothing more is needed.
      const known = await this.#recall(attempt.step)
      if (known !== undefined) return known
      await this.#budget.admitToolCall(attempt.step)
    }
    for (let round = 1, shows = 1; ; round++, shows++) {
      const verdict = judge(this.#contract, this.#opened, attempt, Date.now())
      if (shows === 1) this.#noteCandidate(attempt, verdict.kind === 'end' ? verdict.end.because : verdict)
      if (verdict.kind === 'end') {
        // After a reset the no may rest on what this very step did: the ledger is asked before anybody is told it.
        return await this.#knownOr(attempt.step, () => this.#ends(verdict.end))
      }
      if (verdict.kind === 'draft') return await this.#draft(attempt, verdict)
      const shown = verdict.kind === 'ask' ? await this.#approve(attempt, verdict, shows) : undefined
      if (shown !== undefined && 'result' in shown) return shown.result
      if (shown !== undefined && 'edit' in shown) {
        attempt = this.#edited(attempt, shown)
        round--
        continue
      }
      // People take their time, and evidence gets old. Nothing that they could say makes it younger.
      const late = shown === undefined ? undefined : ungrounded(this.#opened, attempt, Date.now())
      if (late !== undefined) return await this.#knownOr(attempt.step, () => this.#ends(late))
      try {
        return await this.#execute(attempt, verdict, shown)
      } catch (error) {
        const failure = failureOf(error)
        if (failure?.code === 'effect_conflict' || failure?.code === 'effect_undone') {
          const known = await this.#recall(attempt.step)
          if (known !== undefined) return known
        }
        // The host found it too old when the write was scheduled, before it touched anything.
        if (failure?.code === 'evidence_missing') throw this.#ends(endWith('escalated', failure.code, failure.message))
        const reached = failure?.code === 'limit_reached' ? reachedIn(failure.details) : undefined
        const isShownAgain = shown !== undefined && failure !== undefined && SHOWN_AGAIN.includes(failure.code)
        if (failure === undefined || (reached === undefined && !isShownAgain)) throw error
        if (round === MAX_ROUNDS) {
          const { facts, decision } = verdict
          const often = shown === undefined ? 'decided' : 'shown to people'
          const message = `${often} ${MAX_ROUNDS} times: ${failure.message}`
          const action = actionOf(attempt, facts, this.#opened, shown?.preview)
          const why = { facts, rules: decision.matches, action, ...besideIn(verdict) }
          throw this.#ends(endWith('escalated', failure.code, message, why))
        }
        if (reached !== undefined) attempt = { ...attempt, reached }
      }
    }
  }

  /** What a candidate policy would have said otherwise is for people to read, once a step, and for nobody to count on. */
  #noteCandidate({ step, tool }: Attempt, { candidate }: Pick<Ruling, 'candidate'>): void {
    if (candidate === undefined) return
    this.#board.note('trial', `\`${step}\`: ${candidateText(candidate)}`, step)
    const verdicts = metricMeter.createCounter('countersign_candidate_verdicts')
    verdicts.add(1, { playbook: this.#contract.name, tool: tool.name, candidate: candidate.decision.effect })
  }

  /** What an action would change; a step that the ledger knows as done answers with what it did. */
  async #preview(
    { step, tool, input }: Attempt,
    round: number,
  ): Promise<{ readonly preview: Preview } | { readonly result: StepResult }> {
    const suffix = round === 1 ? '' : `-${round}`
    const previewed = await this.#unlessStopped(step, () =>
      this.#dispatcher.read(
        `${tool.name}${WIRE.activities.preview}`,
        tool.localPreview ?? false,
        { runKey: this.key, step, input },
        stepOptions(tool, `${step}${WIRE.activities.preview}${suffix}`, `preview: ${tool.describe(input)}`),
        previewOfStep({ runKey: this.key, step, tool: tool.name }),
      ),
    )
    if ('known' in previewed) {
      const known = await this.#adopted(previewed.known)
      if (known !== undefined) return { result: known }
      throw fail('effect_in_flight', `\`${step}\` is under way in another history of this run`)
    }
    return previewed
  }

  /** Drafts an action that is not to be done, and ends the run once nothing is under way but drafts. */
  async #draft(attempt: Attempt, { decision, facts }: Ruling): Promise<StepResult> {
    const previewed = await this.#preview(attempt, 1)
    if ('result' in previewed) return previewed.result
    const { step, tool, input } = attempt
    const action = actionOf(attempt, facts, this.#opened, previewed.preview)
    this.#board.draft({ step, describe: tool.describe(input), action, decision })
    this.#drafted++
    // What goes on beside it, maybe in the next execution, may come to a draft, too.
    await condition(() => this.#underWay <= this.#drafted && !this.#continuation.isSuggested)
    const drafted = this.#board.drafts.map(({ describe }) => describe).join('; ')
    throw this.#ends(endWith('suggested', 'suggested', `drafted, and not done: ${drafted}`))
  }

  /** What somebody had done otherwise is another action: it is judged anew, and what a host found of the one before is not of it. */
  #edited({ step, tool, evidence, edits: before = [] }: Attempt, { edit, input }: Edited): Attempt {
    const edits = [...before, edit]
    if (edits.length <= MAX_EDITS) return { step, tool, evidence, input: deepFreeze(input), edits }
    throw this.#ends(endWith('escalated', 'approval_rejected', `it was changed ${MAX_EDITS} times, and never approved`))
  }

  /** Preview, question, answer. */
  async #approve(
    attempt: Attempt,
    ruling: Ruling,
    round: number,
  ): Promise<Shown | Edited | { readonly result: StepResult }> {
    const { decision, facts } = ruling
    const previewed = await this.#preview(attempt, round)
    if ('result' in previewed) return previewed
    const { preview } = previewed
    const { tool, input } = attempt
    const { policy } = this.#opened
    const { expiresMinutes, onTimeout } = policy.approvals
    const action = actionOf(attempt, facts, this.#opened, preview)
    const describe = tool.describe(input)
    const answered = await this.#approvals.ask({
      question: { about: 'action', action, decision },
      describe,
      requires: requirementsOf(policy, decision),
      expiresMinutes,
      readInput: (other) => this.#parse(tool, other),
    })
    const why = { facts, action, rules: decision.matches, ...besideIn(ruling) }
    const answer = answerOrEnd(answered, describe, onTimeout, why)
    if ('because' in answer) throw this.#ends(answer)
    return 'edit' in answer ? answer : { preview, approvals: answer.approvals }
  }

  /** Registers the compensation, issues the warrant and schedules the write. */
  async #execute(attempt: Attempt, ruling: Ruling, shown: Shown | undefined): Promise<StepResult> {
    const { decision, facts } = ruling
    const { step, tool, input, evidence, reached, edits } = attempt
    const describe = tool.describe(input)
    const action = actionOf(attempt, facts, this.#opened, shown?.preview)
    const warrant: Warrant = {
      v: 1,
      kind: 'act',
      runKey: this.key,
      workflowType: this.#workflowType,
      step,
      tool: tool.name,
      principal: this.#opened.principal,
      plan: this.#plan,
      policyDigest: this.#opened.policyDigest,
      inputDigest: inputDigestOf(tool.name, input),
      actionDigest: actionDigestOf(action),
      facts,
      trust: action.trust,
      evidence,
      decision,
      ...(reached === undefined ? {} : { reached }),
      ...besideIn(ruling),
      approvals: shown?.approvals ?? [],
      ...(edits === undefined ? {} : { edits }),
      changes: action.changes,
      expect: action.expect,
      undo: undoPathOf(tool, this.#opened.policy.rollback),
      issuedAt: now(),
    }
    this.#saga.register(step, tool, input)
    let result: StepResult
    try {
      result = await this.#unlessStopped(step, () =>
        this.#dispatcher.activity(
          tool.name,
          { input, warrant },
          stepOptions(tool, step, describe),
          resultOfStep({ runKey: this.key, step, tool: tool.name }),
          tool.idempotency === 'transaction',
        ),
      )
    } catch (error) {
      const failure = failureOf(error)
      const isHeld = failure !== undefined && [...SHOWN_AGAIN, 'limit_reached'].includes(failure.code)
      this.#board.note('act', `${isHeld ? 'held' : 'failed'}: ${describe}: ${failure?.message ?? textOf(error)}`, step)
      throw error
    }
    this.#board.setEffect(step, 'done')
    this.#board.note('act', describe, step)
    return result
  }

  /** Does a step, and again each time that it was stopped and may go on. */
  async #unlessStopped<T>(step: string, ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        const stopped = stoppedIn(error)
        if (stopped === undefined) throw error
        await this.#untilResumed(step, stopped)
      }
    }
  }

  /** Waits until a step that was stopped may be tried again. Where somebody settles it instead, the run ends. */
  async #untilResumed(step: string, { message, stop }: Stopped): Promise<void> {
    const resolution = await this.#saga.park(step, 'stopped', message, { stop, isStep: true })
    if (resolution === 'settled') throw this.#ends(endWith('escalated', 'stopped', message))
  }

  /** The result of a step that was done before a reset; throws what is given when it was not. */
  async #knownOr(step: string, otherwise: () => unknown): Promise<StepResult> {
    const known = await this.#recall(step)
    if (known === undefined) throw otherwise()
    return known
  }

  /** What the ledger has of a step. */
  async #recall(step: string): Promise<StepResult | undefined> {
    const [entry] = await this.#ledger(step)
    return entry === undefined ? undefined : await this.#adopted(entry)
  }

  /** The result of a step that was done before this history began; done and since undone is an incident. */
  async #adopted(entry: LedgerEntry): Promise<StepResult | undefined> {
    if (entry.state === 'done' && entry.result !== null) {
      this.#adopt(entry)
      return entry.result
    }
    if (entry.state === 'undone' || entry.state === 'barred') {
      const message = `\`${entry.step}\` was undone before this history began`
      await this.#saga.park(entry.step, 'effect_undone', message, { isStep: true })
      throw this.#ends(endWith('escalated', 'effect_undone', message))
    }
    return undefined
  }

  /** What the ledger has of one step with its result, or of all steps of the run (`null`) without. */
  #ledger(step: string | null): Promise<readonly LedgerEntry[]> {
    const call: RecallCall = { runKey: this.key, step }
    return this.#dispatcher.local(WIRE.activities.recall, call, hostOptions(SUMMARIES.recall))
  }

  /**
   * Takes over what the ledger knows and this history does not: a reset may have led it past effects that an
   * earlier one had. Asked for when a run does not complete, and when a step said that the run was reset.
   */
  async adoptStrays(completes: boolean): Promise<void> {
    if (completes && !this.#steps.resumed) return
    for (const entry of await this.#ledger(null)) {
      if (this.#saga.isRegistered(entry.step) || entry.state === 'undone' || entry.state === 'barred') continue
      if (this.#adopt(entry)) continue
      const message = `\`${entry.step}\` stands, and the playbook no longer lists \`${entry.tool}\``
      await this.#saga.park(entry.step, 'effect_conflict', message)
    }
  }

  /** `false`: the playbook does not list the tool any more. */
  #adopt(entry: LedgerEntry): boolean {
    const tool = this.#contract.tools.find((one) => one.name === entry.tool)
    if (tool?.kind !== 'write') return false
    this.#saga.register(entry.step, tool, entry.input)
    if (entry.state === 'done') this.#board.setEffect(entry.step, 'done')
    this.#board.note('note', `adopted from the ledger, where it is ${entry.state}`, entry.step)
    return true
  }

  /** Runs a step, counted as under way. What it is refused for before it starts is a rejection, like every other. */
  #track<T>(step: () => Promise<T>): Promise<T> {
    if (CancellationScope.current().consideredCancelled && this.#end === undefined && !this.#closed) {
      this.#ends(endOf(new CancelledFailure('the run was cancelled')))
    }
    // A step after the end never returns, so that no loop around it can keep the run busy. One in an execution that is
    // about to be left begins in the next.
    if (this.#closed || this.#end !== undefined || this.#continuation.isSuggested) return new Promise<never>(() => {})
    this.#underWay++
    const running = step()
    const over = (): void => void this.#underWay--
    // One that the playbook does not wait for must not fail the workflow task.
    running.then(over, over)
    return running
  }

  #parse(contract: Tool | Thought, input: unknown): Json {
    const parsed = contract.input.safeParse(input)
    if (!parsed.success) throw fail('input_invalid', `${contract.name}: ${firstIssue(parsed.error)}`)
    try {
      // What cannot be digested, such as half a character, can be neither shown nor warranted.
      canonicalJson(parsed.data)
    } catch (error) {
      throw fail('input_invalid', `${contract.name}: ${textOf(error)}`)
    }
    return deepFreeze(parsed.data as Json)
  }

  /** The first end stands, whatever other branches of the playbook still run into. */
  #ends(decided: End): EndOfRun {
    this.#end ??= decided
    const end = new EndOfRun(this.#end)
    this.#reject(end)
    return end
  }
}

/** What somebody who was asked has done instead. */
interface Edited {
  readonly edit: Edit
  readonly input: Json
}

/** What was shown to people, and what they said. */
interface Shown {
  readonly preview: Preview
  readonly approvals: readonly Approval[]
}
