import { condition, isCancellation, log, metricMeter } from '@temporalio/workflow'
import {
  actionDigestOf,
  type Approval,
  type Decide,
  decideMessage,
  type Edit,
  inputDigestOf,
} from '../../src/contract/action.ts'
import { missingText, type Requirement, speaksFor, unmet } from '../../src/contract/approving.ts'
import type { Heard } from '../../src/contract/calls.ts'
import type { Carried, Decided, Waiting } from '../../src/contract/carried.ts'
import { digestOfText } from '../../src/contract/digest.ts'
import { firstIssue } from '../../src/contract/issue.ts'
import type { Json } from '../../src/contract/json.ts'
import type { Answer, PendingApproval, Question } from '../../src/contract/run.ts'
import { shortened } from '../../src/contract/plain-text.ts'
import { questionSummary, shownTexts } from '../../src/contract/question.ts'
import { askersOf, assuranceText, sameName } from '../../src/contract/principal.ts'
import { raiseDigestOf } from '../../src/contract/raise.ts'
import type { NotifyCall } from '../../src/contract/notice.ts'
import { textOf } from '../../src/contract/text.ts'
import { WIRE } from '../../src/contract/wire.ts'
import { SUMMARIES } from '../../src/contract/summaries.ts'
import { type Board, type Judged, notHeard, now, refuse, unheard } from './board.ts'
import { type Dispatcher, hostOptions } from './dispatch.ts'
import type { Hearing } from './hearing.ts'
import type { Journal } from './journal.ts'

/** What people are asked, who has to answer, and until when. */
export interface Asking {
  readonly question: Question
  readonly describe: string
  readonly requires: readonly Requirement[]
  readonly expiresMinutes: number
  /** Reads what is to be done instead, as somebody sent it; throws where it makes no sense. Absent: nothing can be changed. */
  readonly readInput?: (input: Json) => Json
}

/** What came of a question; `null`: nobody decided in time. */
export type Answered =
  | { readonly approvals: readonly Approval[] }
  | { readonly rejection: Approval }
  | { readonly edit: Edit; readonly input: Json }
  | null

/** A question that waits for people, and what they have said so far. */
interface Ask {
  readonly pending: PendingApproval
  readonly asking: Asking
  readonly askers: readonly string[]
  approvals: readonly Approval[]
  answered: Answered | undefined
  /** Whether the run still waits for it. */
  open: boolean
}

/**
 * The questions of a run. `decide` is judged in its handler and not in a validator: a rejected update leaves
 * no trace in the history, and who tried what is part of the record.
 */
export class Approvals {
  readonly #board: Board
  readonly #journal: Journal
  readonly #hearing: Hearing
  readonly #dispatcher: Dispatcher
  /** Whether a host tells people of questions. */
  notifies = false
  readonly #asks = new Map<string, Ask>()
  #waiting: readonly Waiting[] = []
  #decided: readonly Decided[] = []

  constructor(board: Board, journal: Journal, hearing: Hearing, dispatcher: Dispatcher) {
    this.#board = board
    this.#journal = journal
    this.#hearing = hearing
    this.#dispatcher = dispatcher
  }

  /** Lets questions that waited in an earlier execution wait on, until the deadlines that they had. */
  restore({ waiting, decided }: Pick<Carried, 'waiting' | 'decided'>): void {
    this.#waiting = waiting
    this.#decided = decided
  }

  /** Whether what a decision is about is asked here again, if it waited in an earlier execution. */
  isAskedAgain(raw: unknown): boolean {
    const step = typeof raw === 'object' && raw !== null ? (raw as { step?: unknown }).step : undefined
    return !this.#notAskedAgain.some((one) => one.step === step)
  }

  get #notAskedAgain(): readonly Waiting[] {
    return this.#waiting.filter(({ step }) => !this.#asks.has(step))
  }

  /** What was answered, in this execution or before. */
  get decided(): readonly Decided[] {
    const here = [...this.#asks.values()].flatMap(({ pending: { step }, answered }) => {
      const by = answered === undefined ? null : speakerOf(answered)
      return by === null ? [] : { step, by }
    })
    return [...this.#decided.filter(({ step }) => !this.#asks.has(step)), ...here]
  }

  /** What waits for an answer. */
  get waiting(): readonly Waiting[] {
    const here = [...this.#asks.values()].flatMap(({ pending, approvals, answered, open }) =>
      open && answered === undefined
        ? {
            step: pending.step,
            actionDigest: pending.actionDigest,
            askedAt: pending.askedAt,
            deadline: pending.deadline,
            approvals,
          }
        : [],
    )
    return [...this.#notAskedAgain, ...here]
  }

  /**
   * Shows an action or a raise to people and waits until enough of them approve, or one of them says no or changes it, until the
   * deadline. Throws `CancelledFailure` when the run is cancelled meanwhile.
   */
  async ask(asking: Asking): Promise<Answered> {
    const { question, describe, requires, expiresMinutes } = asking
    const [{ step }, actionDigest] =
      question.about === 'action'
        ? [question.action, actionDigestOf(question.action)]
        : [question.raise, raiseDigestOf(question.raise)]
    const before = this.#waiting.find((one) => one.step === step && one.actionDigest === actionDigest)
    const askedAt = before?.askedAt ?? now()
    const deadline = before?.deadline ?? new Date(Date.now() + expiresMinutes * 60_000).toISOString()
    const approvals = before?.approvals ?? []
    const approvedBy = approvals.map(({ by }) => by)
    const { principal } = this.#board
    const edits = question.about === 'action' ? (question.action.edits ?? []) : []
    const askers = [...(principal === null ? [] : askersOf(principal)), ...edits.map(({ by }) => by)]
    const missing = unmet(requires, approvals, askers)
    const pending = { ...question, step, requires, approvedBy, missing, describe, actionDigest, askedAt, deadline }
    const id = answerTo(step)
    const answered = this.#journal.has(id) ? ((await this.#journal.take(id)) as Answered) : undefined
    const ask: Ask = { pending, asking, askers, approvals, answered, open: answered === undefined }
    this.#asks.set(step, ask)
    // Shown once more in this execution, it is a new question: what was said of it before counts for nothing.
    this.#waiting = this.#waiting.filter((one) => one.step !== step)
    if (answered !== undefined) return answered
    this.#board.pending.push(pending)
    this.#board.reflectWaiting()
    this.#board.note('ask', `asks for approval: ${describe}`, step)
    this.#board.flush()
    log.info('waiting for approval', { step, digest: actionDigest, deadline })
    try {
      // Whoever was told in an earlier execution is not told again.
      if (this.notifies && before === undefined) await this.#tell(pending)
      const leftMs = Math.max(Date.parse(deadline) - Date.now(), 1)
      await condition(() => ask.answered !== undefined, leftMs, { summary: questionSummary(step) })
    } finally {
      ask.open = false
      this.#board.pending.splice(
        this.#board.pending.findIndex((one) => one.step === step),
        1,
      )
      this.#board.reflectWaiting()
    }
    const came = ask.answered ?? null
    if (came === null) this.#journal.note(answerTo(step), null)
    return came
  }

  /** Has a host tell people. That it cannot keeps nobody from answering. */
  async #tell(question: PendingApproval): Promise<void> {
    const call: NotifyCall = { runKey: this.#board.runKey, question }
    const options = { ...hostOptions(SUMMARIES.tell), retry: { maximumAttempts: 5 } }
    try {
      await this.#dispatcher.local(WIRE.activities.notify, call, options)
    } catch (error) {
      if (isCancellation(error)) throw error
      this.#board.note('note', `people could not be told of the question: ${textOf(error)}`, question.step)
    }
  }

  /** The handler of `decide`, as update and as signal. */
  async decide(raw: unknown): Promise<Answer> {
    return await this.#board.attempt('decide', raw, () => this.#judge(raw))
  }

  async #judge(raw: unknown): Promise<Judged> {
    const parsed = decideMessage().safeParse(raw)
    if (!parsed.success) return unheard(refuse('decision_malformed', firstIssue(parsed.error)))
    const message = parsed.data
    const first = this.#standing(message)
    if ('accepted' in first) return unheard(first)
    const { describe } = first.pending
    const input = readChange(message, first)
    if (typeof input === 'string') return unheard(refuse('decision_malformed', input), describe)
    const { step, decision, actionDigest, comment } = message
    const { action } = first.pending.about === 'action' ? first.pending : { action: undefined }
    const heard = await this.#hearing.hear(
      {
        kind: 'decide',
        runKey: this.#board.runKey,
        step,
        actionDigest,
        decision,
        commentDigest: digestOfText(comment),
        ...(input === undefined || action === undefined
          ? {}
          : { inputDigest: inputDigestOf(action.tool, input.value) }),
      },
      message,
    )
    if ('refused' in heard) return notHeard(heard.refused, describe)
    const { by } = heard
    const assurance = assuranceText(heard.statement.who)
    const judged = (answer: Answer): Judged => ({
      by,
      assurance,
      describe,
      ...(answer.accepted ? { saw: shownTexts(first.pending).map((text) => shortened(text, 300)) } : {}),
      answer,
    })
    // Somebody else may have decided, and the deadline may have passed, while a host verified this.
    const ask = this.#standing(message)
    if ('accepted' in ask) return judged(ask)
    const flaw = flawOf(ask, heard)
    if (flaw !== undefined) return judged(flaw)
    return judged(this.#count(ask, message, heard, input?.value))
  }

  /** The question that a decision is about; or why there is none. */
  #standing(message: Pick<Decide, 'step' | 'actionDigest'>): Ask | Answer {
    const { step, actionDigest } = message
    const ask = this.#asks.get(step)
    const before = this.#decided.find((one) => one.step === step)
    if (ask === undefined && before !== undefined) return alreadyMade(before)
    if (ask === undefined) return refuse('decision_unknown_step', `nothing waits under the step \`${step}\``)
    const by = ask.answered === undefined ? null : speakerOf(ask.answered)
    if (by !== null) return alreadyMade({ step, by })
    if (Date.now() >= Date.parse(ask.pending.deadline)) {
      return refuse('approval_timed_out', `the time to decide \`${step}\` is over`)
    }
    if (!ask.open) return refuse('decision_unknown_step', `\`${step}\` does not wait any more`)
    if (actionDigest === ask.pending.actionDigest) return ask
    return refuse(
      'decision_wrong_digest',
      `\`${step}\` waits for a decision on ${ask.pending.actionDigest}, not on ${actionDigest}`,
    )
  }

  #count(
    ask: Ask,
    { step, decision, comment, actionDigest }: Decide,
    { by, standing, statement }: Spoken,
    input: Json | undefined,
  ): Answer {
    const at = now()
    const others = standing.delegated
      .filter(({ group }) => ask.asking.requires.some(({ groups }) => groups.includes(group)))
      .map(({ from, group }) => `${from} in ${group}`)
    const also = others.length === 0 ? '' : `, who may speak for ${others.join(', ')},`
    const how = `(${assuranceText(statement.who)})${also}`
    const words = comment === '' ? '' : `: ${comment}`
    const done = (verb: string): Answer => {
      this.#board.note('decide', `${by} ${how} ${verb}${words}`, step)
      return { accepted: true, message: `${by} ${verb} \`${step}\`` }
    }
    const settle = (answered: Exclude<Answered, null>): void => {
      ask.answered = answered
      this.#journal.note(answerTo(step), answered)
      this.#measure(ask, decision, standing.groups)
    }
    if (decision === 'change') {
      const { action } = ask.pending as Extract<PendingApproval, { readonly about: 'action' }>
      const to = inputDigestOf(action.tool, input as Json)
      const edit: Edit = { by, from: inputDigestOf(action.tool, action.input), to, comment, at, statement }
      settle({ edit, input: input as Json })
      return done('changes')
    }
    const said: Approval = { step, decision, by, comment, actionDigest, at, standing, statement }
    if (decision === 'reject') {
      settle({ rejection: said })
      return done('rejects')
    }
    const { requires } = ask.asking
    ask.approvals = [...ask.approvals, said]
    const open = unmet(requires, ask.approvals, ask.askers)
    const index = this.#board.pending.findIndex((one) => one.step === step)
    this.#board.pending[index] = { ...ask.pending, approvedBy: ask.approvals.map((each) => each.by), missing: open }
    const answer = done('approves')
    if (open.length === 0) {
      settle({ approvals: ask.approvals })
      return answer
    }
    const message = `${by} approves \`${step}\`; it still needs ${missingText(requires, open)}`
    return { accepted: true, message }
  }

  /** How long people took, by rule and by group. */
  #measure({ pending }: Ask, decision: string, groups: readonly string[]): void {
    const tookMs = Math.max(Date.now() - Date.parse(pending.askedAt), 0)
    const rule = pending.about === 'limit' ? pending.raise.limit : (pending.decision.matches[0]?.rule ?? 'none')
    const latency = metricMeter.createHistogram('countersign_approval_latency', 'int', 'ms', 'From question to answer')
    const asked = new Set(pending.requires.flatMap((each) => each.groups))
    const group = groups.find((one) => asked.has(one)) ?? 'any'
    latency.record(tookMs, { playbook: this.#board.playbook, rule, group, decision })
  }
}

type Spoken = Exclude<Heard, { readonly refused: unknown }>

/** Reads what is to be done instead; a text says what is wrong with it. */
function readChange(
  { decision, input }: Decide,
  { asking: { readInput } }: Ask,
): { readonly value: Json } | string | undefined {
  if (decision !== 'change') return input === undefined ? undefined : '`input` comes with `change` only'
  if (readInput === undefined) return 'a limit is raised or not: nothing about it can be changed'
  if (input === undefined) return '`change` needs the `input` that is to be done instead'
  try {
    return { value: readInput(input) }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Why what somebody says does not count for a question, although he says it. */
function flawOf(
  { askers, approvals, asking: { requires } }: Ask,
  { by, standing, statement }: Spoken,
): Answer | undefined {
  if (statement.who.kind !== 'user') {
    return refuse('decision_by_machine', `${by} is a ${statement.who.kind}, and people decide`)
  }
  if (askers.some((one) => sameName(one, by))) {
    return refuse('decision_by_requester', `${by} asked for this and cannot decide it`)
  }
  if (requires.every((each) => speaksFor({ by, standing }, each, askers).length === 0)) {
    const groups = [...new Set(requires.flatMap((each) => each.groups))].join(', ')
    return refuse('decision_not_approver', `${by} is in none of the groups that decide this: ${groups}`)
  }
  if (approvals.some((one) => sameName(one.by, by)) && statement.about.kind === 'decide') {
    if (statement.about.decision === 'approve') return refuse('decision_repeated', `${by} has approved this already`)
  }
  return undefined
}

/** Who gave an answer; the last of those who approved. */
function speakerOf(answered: Answered): string | null {
  if (answered === null) return null
  if ('rejection' in answered) return answered.rejection.by
  if ('edit' in answered) return answered.edit.by
  return answered.approvals.at(-1)?.by ?? null
}

const alreadyMade = ({ step, by }: Decided): Answer =>
  refuse('decision_already_made', `${by} decided \`${step}\` already`)

/** Under which the journal has what people said. */
const answerTo = (step: string): string => `answer to ${step}`
