import { condition, log } from '@temporalio/workflow'
import { actionDigestOf, type Approval, decideMessage } from '../../src/contract/action.ts'
import type { Carried, Decided, Waiting } from '../../src/contract/carried.ts'
import type { FailureCode } from '../../src/contract/failures.ts'
import { firstIssue } from '../../src/contract/issue.ts'
import type { Answer, PendingApproval, Question } from '../../src/contract/run.ts'
import { questionSummary } from '../../src/contract/question.ts'
import { samePerson } from '../../src/contract/principal.ts'
import { raiseDigestOf } from '../../src/contract/raise.ts'
import { type Board, now } from './board.ts'
import type { Journal } from './journal.ts'

/** A question that waits for a person, and the person's decision once there is one. */
interface Ask {
  readonly pending: PendingApproval
  approval: Approval | null
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
  readonly #asks = new Map<string, Ask>()
  #waiting: readonly Waiting[] = []
  #decided: readonly Decided[] = []

  constructor(board: Board, journal: Journal) {
    this.#board = board
    this.#journal = journal
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
    const here = [...this.#asks.values()].flatMap(({ pending: { step }, approval }) =>
      approval === null ? [] : { step, by: approval.by },
    )
    return [...this.#decided.filter(({ step }) => !this.#asks.has(step)), ...here]
  }

  /** What waits for an answer. */
  get waiting(): readonly Waiting[] {
    const here = [...this.#asks.values()].flatMap(({ pending, approval, open }) =>
      open && approval === null
        ? {
            step: pending.step,
            actionDigest: pending.actionDigest,
            askedAt: pending.askedAt,
            deadline: pending.deadline,
          }
        : [],
    )
    return [...this.#notAskedAgain, ...here]
  }

  /**
   * Shows an action or a raise to people and waits for one of them, until the deadline. `null`: nobody decided in
   * time. Throws `CancelledFailure` when the run is cancelled meanwhile.
   */
  async ask(question: Question, describe: string, expiresMinutes: number): Promise<Approval | null> {
    const [{ step }, actionDigest] =
      question.about === 'action'
        ? [question.action, actionDigestOf(question.action)]
        : [question.raise, raiseDigestOf(question.raise)]
    const before = this.#waiting.find((one) => one.step === step && one.actionDigest === actionDigest)
    const askedAt = before?.askedAt ?? now()
    const deadline = before?.deadline ?? new Date(Date.now() + expiresMinutes * 60_000).toISOString()
    const pending = { ...question, step, describe, actionDigest, askedAt, deadline }
    const id = answerTo(step)
    const answered = this.#journal.has(id) ? ((await this.#journal.take(id)) as Approval | null) : undefined
    const ask: Ask = { pending, approval: answered ?? null, open: answered === undefined }
    this.#asks.set(step, ask)
    if (answered !== undefined) return answered
    this.#board.pending.push(ask.pending)
    this.#board.reflectWaiting()
    this.#board.note('ask', `asks for approval: ${describe}`, step)
    this.#board.flush()
    log.info('waiting for approval', { step, digest: actionDigest, deadline })
    try {
      const leftMs = Math.max(Date.parse(deadline) - Date.now(), 1)
      await condition(() => ask.approval !== null, leftMs, { summary: questionSummary(step) })
    } finally {
      ask.open = false
      this.#board.pending.splice(this.#board.pending.indexOf(ask.pending), 1)
      this.#board.reflectWaiting()
    }
    if (ask.approval === null) this.#journal.note(answerTo(step), null)
    return ask.approval
  }

  /** The handler of `decide`, as update and as signal. */
  decide(raw: unknown): Answer {
    const answer = this.#judge(raw)
    this.#board.attempt(raw, answer)
    if (!answer.accepted) this.#board.note('note', `a decision${claimedBy(raw)} was refused: ${answer.message}`)
    return answer
  }

  #judge(raw: unknown): Answer {
    const parsed = decideMessage().safeParse(raw)
    if (!parsed.success) {
      return refuse('decision_malformed', firstIssue(parsed.error))
    }
    const message = parsed.data
    const ask = this.#asks.get(message.step)
    const before = this.#decided.find(({ step }) => step === message.step)
    if (ask === undefined && before !== undefined) return alreadyMade(before)
    if (ask === undefined) {
      return refuse('decision_unknown_step', `nothing waits under the step \`${message.step}\``)
    }
    if (ask.approval !== null) {
      return alreadyMade({ step: message.step, by: ask.approval.by })
    }
    if (Date.now() >= Date.parse(ask.pending.deadline)) {
      return refuse('approval_timed_out', `the time to decide \`${message.step}\` is over`)
    }
    if (!ask.open) {
      return refuse('decision_unknown_step', `\`${message.step}\` does not wait any more`)
    }
    if (message.actionDigest !== ask.pending.actionDigest) {
      return refuse(
        'decision_wrong_digest',
        `\`${message.step}\` waits for a decision on ${ask.pending.actionDigest}, not on ${message.actionDigest}`,
      )
    }
    const principal = this.#board.principal
    if (principal !== null && samePerson(principal, message.by)) {
      return refuse('decision_by_requester', `${message.by} asked for this and cannot decide it`)
    }
    ask.approval = { ...message, at: now(), proof: 'unauthenticated' }
    this.#journal.note(answerTo(message.step), ask.approval)
    const verb = message.decision === 'approve' ? 'approves' : 'rejects'
    const comment = message.comment === '' ? '' : `: ${message.comment}`
    this.#board.note('decide', `${message.by} (unauthenticated) ${verb}${comment}`, message.step)
    return { accepted: true, message: `${message.by} ${verb} \`${message.step}\`` }
  }
}

/** Who says to have decided, where the message says it. */
function claimedBy(raw: unknown): string {
  const by = typeof raw === 'object' && raw !== null ? (raw as { by?: unknown }).by : undefined
  return typeof by === 'string' ? ` by ${by.slice(0, 200)}` : ''
}

const alreadyMade = ({ step, by }: Decided): Answer =>
  refuse('decision_already_made', `${by} decided \`${step}\` already`)

/** Under which the journal has what people said. */
const answerTo = (step: string): string => `answer to ${step}`

const refuse = (code: FailureCode, message: string): Answer => ({ accepted: false, code, message })
