import type { z } from 'zod'
import {
  type Action,
  actionDigestOf,
  type Approval,
  citationOf,
  type Decision,
  inputDigestOf,
  type LedgerEntry,
  type Preview,
  type Warrant,
} from '../../src/contract/action.ts'
import type { PreviewResult, ThinkCall, ThinkResult } from '../../src/contract/calls.ts'
import { contradictions, factsOfAction, missingEvidence } from '../../src/contract/derive.ts'
import type { Evidence, RunKey, StepResult } from '../../src/contract/evidence.ts'
import type { Facts } from '../../src/contract/fact.ts'
import { fail, type FailureCode, failureOf } from '../../src/contract/failures.ts'
import { deepFreeze, type Json } from '../../src/contract/json.ts'
import { formatMicroUsd } from '../../src/contract/money.ts'
import type { PlaybookContract } from '../../src/contract/playbook.ts'
import type { ReadTool, Thought, Tool, WriteTool } from '../../src/contract/tool.ts'
import { WIRE } from '../../src/contract/wire.ts'
import { decide } from '../../src/policy/decide/index.ts'
import type { OpenedRun } from '../../src/policy/types.ts'
import type { Approvals } from './approvals.ts'
import { type Board, now } from './board.ts'
import { activity, hostOptions, localActivity, Reader, stepOptions } from './dispatch.ts'
import { bareCase, type End, EndOfRun } from './ends.ts'
import type { Saga } from './saga.ts'

/** How a step is told apart from others of the same tool, when several run at once. */
export interface StepName {
  /**
   * Part of the step id instead of a running number. Give it where steps of one tool run side by side and
   * each goes on by itself, since their order is then not fixed. 1 to 64 characters of `[A-Za-z0-9_-]`.
   */
  readonly as?: string
}

/** What a playbook holds: everything it can do. Each call is one recorded step. */
export interface Run {
  readonly key: RunKey
  /** Reads; the result is evidence and cannot be changed. */
  read<T extends ReadTool>(tool: T, input: z.input<T['input']>, name?: StepName): Promise<z.output<T['output']>>
  /** Asks a model, by its role; the result is a model's word and marked so. */
  think<T extends Thought>(thought: T, input: z.input<T['input']>, name?: StepName): Promise<z.output<T['output']>>
  /** Says what the run is going to do; it stands in every warrant after it. */
  plan(text: string): void
  /** Changes the world, if the policy lets it. `because` are results of earlier steps: the evidence. */
  act<T extends WriteTool>(
    tool: T,
    input: z.input<T['input']>,
    how: StepName & { readonly because: readonly object[] },
  ): Promise<z.output<T['output']>>
  /** Ends the run as `refused`: what was done is compensated. */
  refuse(message: string): never
  /** Ends the run as `escalated`: a person takes over, and what was done is compensated. */
  escalate(message: string): never
}

/** How often an action is shown again when the world moved under it. */
const MAX_ROUNDS = 3
const STEP_NAME = /^[A-Za-z0-9_-]{1,64}$/

/** What the policy, the budget and the evidence say of one action. */
type Verdict =
  | { readonly kind: 'go'; readonly decision: Decision; readonly facts: Facts }
  | { readonly kind: 'ask'; readonly decision: Decision; readonly facts: Facts }
  | { readonly kind: 'end'; readonly end: End }

/** One action on its way through the kernel. */
interface Attempt {
  readonly step: string
  readonly tool: WriteTool
  readonly input: Json
  readonly evidence: readonly Evidence[]
}

/** The `Run` of a playbook: the life of an action, step by step, as `docs/architecture.md` tells it. */
export class KernelRun implements Run {
  readonly key: RunKey
  readonly #opened: OpenedRun
  readonly #contract: PlaybookContract
  readonly #workflowType: string
  readonly #board: Board
  readonly #approvals: Approvals
  readonly #saga: Saga
  readonly #reader = new Reader()
  readonly #evidence = new Map<object, Evidence>()
  readonly #counts = new Map<string, number>()
  readonly #steps = new Set<string>()
  readonly #inFlight = new Set<Promise<unknown>>()
  #plan: string | null = null
  #resumed = false
  #end: End | undefined

  constructor(
    opened: OpenedRun,
    contract: PlaybookContract,
    workflowType: string,
    parts: { readonly board: Board; readonly approvals: Approvals; readonly saga: Saga },
  ) {
    this.key = opened.runKey
    this.#opened = opened
    this.#contract = contract
    this.#workflowType = workflowType
    this.#board = parts.board
    this.#approvals = parts.approvals
    this.#saga = parts.saga
  }

  /** The end that was decided for the run, whatever the playbook made of being told. */
  get end(): End | undefined {
    return this.#end
  }

  /** Waits until no step is under way: effects in flight must be known before anything is undone. */
  async settle(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight)
  }

  read<T extends ReadTool>(tool: T, input: z.input<T['input']>, name: StepName = {}): Promise<z.output<T['output']>> {
    return this.#track(async () => {
      const step = this.#stepOf(tool.name, name)
      const call = { runKey: this.key, step, input: this.#parse(tool, input) }
      this.#mayCall(tool)
      this.#board.flush()
      const result = await this.#reader.read<StepResult>(tool, call, stepOptions(tool, step, tool.title))
      this.#board.note('read', `${tool.title}: ${result.receipt.reference}`, step)
      return this.#keep(result) as z.output<T['output']>
    })
  }

  think<T extends Thought>(
    thought: T,
    input: z.input<T['input']>,
    name: StepName = {},
  ): Promise<z.output<T['output']>> {
    return this.#track(async () => {
      if (!this.#contract.thoughts.some((listed) => listed.name === thought.name)) {
        throw this.#ends('refused', 'tool_not_listed', `the playbook does not list \`${thought.name}\``)
      }
      const step = this.#stepOf(thought.name, name)
      const cap = this.#opened.policy.modelBudgetMicroUsd
      const spent = this.#board.spend.modelMicroUsd
      if (cap !== null && spent > cap) throw this.#overModelBudget(cap)
      const call: ThinkCall = {
        runKey: this.key,
        step,
        thought: thought.name,
        input: this.#parse(thought, input),
        remainingMicroUsd: cap === null ? null : cap - spent,
      }
      this.#board.flush()
      const summary = `${thought.title} (${thought.role})`
      try {
        const result = await activity<ThinkResult>(WIRE.activities.think, call, stepOptions(thought, step, summary))
        this.#spend(result)
        const cost = `${result.model}, ${formatMicroUsd(result.microUsd)}`
        this.#board.note('think', `${thought.title}: ${cost}`, step)
        return this.#keep(result) as z.output<T['output']>
      } catch (error) {
        const failure = failureOf(error)
        if (failure !== undefined) this.#spend(failure.details)
        if (failure?.code === 'model_budget_exceeded' && cap !== null) throw this.#overModelBudget(cap)
        throw error
      }
    })
  }

  plan(text: string): void {
    this.#live()
    this.#plan = text.slice(0, 2000)
    this.#board.note('plan', this.#plan)
  }

  act<T extends WriteTool>(
    tool: T,
    input: z.input<T['input']>,
    how: StepName & { readonly because: readonly object[] },
  ): Promise<z.output<T['output']>> {
    return this.#track(async () => {
      const step = this.#stepOf(tool.name, how)
      const withinBudget = this.#countToolCall()
      let attempt: Attempt
      try {
        attempt = { step, tool, input: this.#parse(tool, input), evidence: this.#cited(step, how.because) }
      } catch (error) {
        // After a reset the world shows what this very step did, and its input may make no sense any more.
        const known = await this.#recall(step)
        if (known === undefined) throw error
        return this.#keep(known) as z.output<T['output']>
      }
      return this.#keep(await this.#perform(attempt, withinBudget)) as z.output<T['output']>
    })
  }

  refuse(message: string): never {
    throw this.#ends('refused', 'refused_by_playbook', message)
  }

  escalate(message: string): never {
    throw this.#ends('escalated', 'escalated_by_playbook', message)
  }

  /** Decides, asks, warrants and executes; shows the action again when the world moved under it. */
  async #perform(attempt: Attempt, withinBudget: boolean): Promise<StepResult> {
    for (let round = 1; ; round++) {
      const verdict = this.#judge(attempt, withinBudget)
      if (verdict.kind === 'end') {
        // For the same reason the ledger is asked before anybody is told no.
        const known = await this.#recall(attempt.step)
        if (known !== undefined) return known
        throw this.#decided(verdict.end)
      }
      const shown = verdict.kind === 'ask' ? await this.#approve(attempt, verdict, round) : undefined
      if (shown !== undefined && 'result' in shown) return shown.result
      try {
        return await this.#execute(attempt, verdict, shown)
      } catch (error) {
        const failure = failureOf(error)
        if (failure?.code === 'effect_conflict' || failure?.code === 'effect_undone') {
          const known = await this.#recall(attempt.step)
          if (known !== undefined) return known
        }
        if (failure?.code !== 'world_moved' || shown === undefined) throw error
        this.#board.note('note', `the record changed after it was shown: ${failure.message}`, attempt.step)
        if (round === MAX_ROUNDS) {
          const { facts, decision } = verdict
          const message = `the record changed ${MAX_ROUNDS} times: ${failure.message}`
          const why = { facts, rules: decision.matches, action: this.#actionOf(attempt, facts, shown.preview) }
          throw this.#decided(this.#no('escalated', 'world_moved', message, why).end)
        }
      }
    }
  }

  /** Budget, evidence, policy: pure, so that replaying the history proves each decision again. */
  #judge({ step, tool, input, evidence }: Attempt, withinBudget: boolean): Verdict {
    const { policy } = this.#opened
    if (!this.#lists(tool)) return this.#no('refused', 'tool_not_listed', notListed(tool))
    if (!withinBudget) {
      return this.#no(end(policy.budget.onExceeded), 'tool_budget_exceeded', this.#overToolBudget())
    }
    const missing = missingEvidence(tool, evidence, policy.audit.logLevel === 'evidence')
    if (missing.length > 0) {
      return this.#no('escalated', 'evidence_missing', `\`${step}\` does not cite ${missing.join(', ')}`)
    }
    let facts: Facts
    try {
      facts = factsOfAction(tool, input, evidence)
    } catch (error) {
      return this.#no('refused', 'decision_failed', failureOf(error)?.message ?? String(error))
    }
    const action = (): Action => this.#actionOf({ step, tool, input, evidence }, facts, undefined)
    const against = contradictions(tool, input, evidence)
    if (against.length > 0) {
      return this.#no('escalated', 'evidence_unsupported', against.join('; '), { facts, action: action() })
    }
    const decision = decide(policy, tool, facts)
    switch (decision.effect) {
      case 'allow':
        return { kind: 'go', decision, facts }
      case 'require_approval':
        return { kind: 'ask', decision, facts }
      case 'deny':
      case 'escalate': {
        const message = decision.matches.map((match) => match.because).join('; ')
        const state = decision.effect === 'deny' ? 'refused' : 'escalated'
        return this.#no(state, 'denied_by_policy', message, {
          facts,
          action: action(),
          rules: decision.matches,
        })
      }
    }
  }

  /** Preview, question, answer. A step that the ledger knows as done answers with what it did. */
  async #approve(
    attempt: Attempt,
    verdict: { readonly decision: Decision; readonly facts: Facts },
    round: number,
  ): Promise<Shown | { readonly result: StepResult }> {
    const { step, tool, input } = attempt
    const { approvals } = this.#opened.policy
    const suffix = round === 1 ? '' : `-${round}`
    const previewed = await activity<PreviewResult>(
      `${tool.name}${WIRE.activities.preview}`,
      { runKey: this.key, step, input },
      stepOptions(tool, `${step}${WIRE.activities.preview}${suffix}`, `preview: ${tool.describe(input)}`),
    )
    if ('known' in previewed) {
      const known = await this.#adopted(previewed.known)
      if (known !== undefined) return { result: known }
      throw fail('effect_in_flight', `\`${step}\` is under way in another history of this run`)
    }
    const { preview } = previewed
    const action = this.#actionOf(attempt, verdict.facts, preview)
    const approval = await this.#approvals.ask(action, tool.describe(input), verdict.decision, approvals.expiresMinutes)
    const why = { facts: verdict.facts, action, rules: verdict.decision.matches }
    if (approval === null) {
      throw this.#decided(
        this.#no(
          end(approvals.onTimeout),
          'approval_timed_out',
          `nobody decided on \`${tool.describe(input)}\` in time`,
          why,
        ).end,
      )
    }
    if (approval.decision === 'reject') {
      const comment = approval.comment === '' ? '' : `: ${approval.comment}`
      throw this.#decided(
        this.#no('refused', 'approval_rejected', `${approval.by} said no${comment}`, why, approval.by).end,
      )
    }
    return { preview, approvals: [approval] }
  }

  /** Registers the compensation, issues the warrant and schedules the write. */
  async #execute(
    attempt: Attempt,
    { decision, facts }: { readonly decision: Decision; readonly facts: Facts },
    shown: Shown | undefined,
  ): Promise<StepResult> {
    const { step, tool, input, evidence } = attempt
    const describe = tool.describe(input)
    const action = this.#actionOf(attempt, facts, shown?.preview)
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
      evidence,
      decision,
      approvals: shown?.approvals ?? [],
      changes: action.changes,
      expect: action.expect,
      undo: tool.undo === null ? null : { does: tool.undo.does },
      issuedAt: now(),
    }
    this.#saga.register(step, tool, input)
    this.#board.flush()
    let result: StepResult
    try {
      result = await activity<StepResult>(tool.name, { input, warrant }, stepOptions(tool, step, describe))
    } catch (error) {
      this.#board.note('act', `${describe}: ${failureOf(error)?.message ?? 'not done'}`, step)
      throw error
    }
    this.#board.setEffect(step, 'done')
    this.#board.note('act', describe, step)
    return result
  }

  /** What the ledger has of a step. */
  async #recall(step: string): Promise<StepResult | undefined> {
    const entries = await this.#recallAll()
    const entry = entries.find((one) => one.step === step)
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
      await this.#saga.park(entry.step, 'effect_undone', message)
      throw this.#ends('escalated', 'effect_undone', message)
    }
    return undefined
  }

  /** Everything the ledger has of this run. */
  #recallAll(): Promise<readonly LedgerEntry[]> {
    return localActivity<readonly LedgerEntry[]>(
      WIRE.activities.recall,
      { runKey: this.key },
      hostOptions('ask the ledger what this run did'),
    )
  }

  /**
   * Takes over what the ledger knows and this history does not: a reset may have led it past effects that an
   * earlier one had. Asked for when a run does not complete, and when a step said that the run was reset.
   */
  async adoptStrays(completes: boolean): Promise<void> {
    if (completes && !this.#resumed) return
    for (const entry of await this.#recallAll()) {
      if (!this.#saga.isRegistered(entry.step) && entry.state !== 'undone' && entry.state !== 'barred') {
        this.#adopt(entry)
      }
    }
  }

  #adopt(entry: LedgerEntry): void {
    const tool = this.#contract.tools.find((one) => one.name === entry.tool)
    if (tool?.kind !== 'write') throw fail('effect_conflict', `the ledger has \`${entry.step}\` of no known tool`)
    this.#saga.register(entry.step, tool, entry.input)
    if (entry.state === 'done') this.#board.setEffect(entry.step, 'done')
    this.#board.note('note', 'adopted from the ledger: it was done before', entry.step)
  }

  #actionOf({ step, tool, input, evidence }: Attempt, facts: Facts, preview: Preview | undefined): Action {
    return {
      runKey: this.key,
      step,
      tool: tool.name,
      input,
      facts,
      evidence: evidence.map(citationOf),
      changes: preview?.changes ?? [],
      expect: preview?.expect ?? {},
      policyDigest: this.#opened.policyDigest,
    }
  }

  #track<T>(step: () => Promise<T>): Promise<T> {
    // A step that is refused before it starts is refused as a rejection, like every other.
    const running = (async () => {
      this.#live()
      return await step()
    })()
    this.#inFlight.add(running)
    const done = (): void => {
      this.#inFlight.delete(running)
    }
    running.then(done, done)
    return running
  }

  #live(): void {
    if (this.#end !== undefined) throw new EndOfRun(this.#end)
  }

  #stepOf(name: string, { as }: StepName): string {
    if (as !== undefined) {
      if (!STEP_NAME.test(as)) throw fail('input_invalid', `\`${as}\` cannot be part of a step id`)
      return this.#unique(`${name}-${as}`)
    }
    const count = (this.#counts.get(name) ?? 0) + 1
    this.#counts.set(name, count)
    return this.#unique(`${name}-${count}`)
  }

  #unique(step: string): string {
    if (this.#steps.has(step)) throw fail('input_invalid', `two steps of this run are named \`${step}\``)
    this.#steps.add(step)
    return step
  }

  #cited(step: string, because: readonly object[]): readonly Evidence[] {
    return because.map((cited) => {
      const found = this.#evidence.get(cited)
      if (found === undefined) {
        throw fail('evidence_missing', `\`${step}\` cites something that no step of this run returned`)
      }
      return found
    })
  }

  #parse(contract: Tool | Thought, input: unknown): Json {
    const parsed = contract.input.safeParse(input)
    if (parsed.success) return deepFreeze(parsed.data as Json)
    const [first] = parsed.error.issues
    const where = first === undefined || first.path.length === 0 ? 'the input' : `\`${first.path.join('.')}\``
    throw fail('input_invalid', `${contract.name}: ${where}: ${first?.message ?? 'invalid'}`)
  }

  #lists = (tool: Tool): boolean => this.#contract.tools.some((listed) => listed.name === tool.name)

  /** A read that is not listed, or past the budget, ends the run; there is no ledger to ask for a read. */
  #mayCall(tool: ReadTool): void {
    if (!this.#lists(tool)) throw this.#ends('refused', 'tool_not_listed', notListed(tool))
    if (!this.#countToolCall()) {
      throw this.#ends(end(this.#opened.policy.budget.onExceeded), 'tool_budget_exceeded', this.#overToolBudget())
    }
  }

  /** Counts a read or a write, once a step. `false`: it is past the cap. */
  #countToolCall(): boolean {
    const { spend } = this.#board
    const cap = this.#opened.policy.maxToolCalls
    if (cap !== null && spend.toolCalls >= cap) return false
    this.#board.spend = { ...spend, toolCalls: spend.toolCalls + 1 }
    return true
  }

  #overToolBudget = (): string =>
    `the policy allows ${this.#opened.policy.maxToolCalls} tool calls, and the run needs another one`

  #overModelBudget(cap: number): EndOfRun {
    const message = `the model budget of ${formatMicroUsd(cap)} does not cover another call`
    return this.#ends(end(this.#opened.policy.budget.onExceeded), 'model_budget_exceeded', message)
  }

  #spend(used: Readonly<Record<string, unknown>> | ThinkResult): void {
    const count = (name: string): number => {
      const value = (used as Readonly<Record<string, unknown>>)[name]
      return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : 0
    }
    const { spend } = this.#board
    this.#board.spend = {
      ...spend,
      modelMicroUsd: spend.modelMicroUsd + count('microUsd'),
      inputTokens: spend.inputTokens + count('inputTokens'),
      outputTokens: spend.outputTokens + count('outputTokens'),
    }
  }

  #keep({ output, receipt, resumed }: StepResult): unknown {
    if (resumed === true) this.#resumed = true
    const frozen = deepFreeze(output)
    if (typeof frozen === 'object' && frozen !== null) {
      this.#evidence.set(frozen, { receipt, output: frozen })
    }
    return frozen
  }

  #no(
    state: End['state'],
    code: FailureCode,
    message: string,
    why: Partial<Pick<End['because'], 'facts' | 'action' | 'rules'>> = {},
    by: string | null = null,
  ): { readonly kind: 'end'; readonly end: End } {
    return { kind: 'end', end: { state, because: { ...bareCase(code, message, by), ...why } } }
  }

  #ends = (state: End['state'], code: FailureCode, message: string): EndOfRun =>
    this.#decided(this.#no(state, code, message).end)

  /** The first end stands, whatever other branches of the playbook still run into. */
  #decided(decided: End): EndOfRun {
    this.#end ??= decided
    return new EndOfRun(this.#end)
  }
}

/** What was shown to people, and what they said. */
interface Shown {
  readonly preview: Preview
  readonly approvals: readonly Approval[]
}

const notListed = (tool: Tool): string => `the playbook does not list \`${tool.name}\``

const end = (how: 'escalate' | 'refuse'): 'escalated' | 'refused' => (how === 'escalate' ? 'escalated' : 'refused')
