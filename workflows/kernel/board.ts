import { isCancellation, setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow'
import type { Heard } from '../../src/contract/calls.ts'
import type { Digest } from '../../src/contract/digest.ts'
import { type FailureCode, failureOf } from '../../src/contract/failures.ts'
import type { RunKey } from '../../src/contract/evidence.ts'
import type { Json } from '../../src/contract/json.ts'
import type { Principal } from '../../src/contract/principal.ts'
import type {
  Answer,
  Attempt,
  Draft,
  EffectStatus,
  Incident,
  PendingApproval,
  RunResult,
  RunStatus,
  Spend,
  TimelineEntry,
} from '../../src/contract/run.ts'
import { type RunState, transition, type WaitingFor } from '../../src/contract/states.ts'
import { MAX_DRAFTS_CHARACTERS } from '../../src/contract/limits.ts'
import { SEARCH_ATTRIBUTES } from '../../src/contract/wire.ts'
import { shortened } from '../../src/contract/plain-text.ts'
import { byWhom, textOf } from '../../src/contract/text.ts'
import { renderDetails } from './details.ts'

type Pairs = Extract<Parameters<typeof upsertSearchAttributes>[0], readonly unknown[]>

/** Workflow time: ISO 8601, UTC. */
export const now = (): string => new Date().toISOString()

/** Whoever floods a run with refused messages must not crowd out what it did. */
const MAX_NOTES = 100
const MAX_TIMELINE = 1_000
const MAX_ATTEMPTS = 200
/** What people were shown is kept beside their word, of one question and in all; the questions stand in the history. */
const MAX_SAW_LINES = 30
const MAX_SAW_CHARACTERS = 200_000
const MAX_TEXT_CHARACTERS = 1_000

/** A message without what proves who says it, which stands in the history and beside what counted. */
function withoutStatement(message: unknown): unknown {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return message
  const { statement: _, ...said } = message as { readonly statement?: unknown }
  return said
}

/** What came of something that somebody said, and what is known of whoever said it. */
export type Judged = Omit<Attempt, 'kind' | 'at' | 'message'>

/** Nobody was heard. */
export const unheard = (answer: Answer, describe: string | null = null): Judged => ({
  by: null,
  assurance: null,
  describe,
  answer,
})

/** A host heard somebody, and it did not count. */
export const notHeard = (
  { code, message, by }: Extract<Heard, { readonly refused: unknown }>['refused'],
  describe: string | null = null,
): Judged => ({ ...unheard(refuse(code, message), describe), by })

export const refuse = (code: FailureCode, message: string): Answer => ({ accepted: false, code, message })

const NOUN = { decide: 'a decision', undo: 'an undo', resolve: 'a resolution' } as const

/** Who a message says that it is by, or its statement, which nobody verified. */
function claimedBy(raw: unknown): string | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined
  const { by, statement } = raw as {
    readonly by?: unknown
    readonly statement?: { who?: { subject?: unknown } } | null
  }
  const name = by ?? statement?.who?.subject
  return typeof name === 'string' ? shortened(name, 200) : undefined
}

const charactersIn = (texts: readonly string[] = []): number => texts.reduce((sum, text) => sum + text.length, 0)

const nameOf = ({ kind, text, step = '' }: TimelineEntry): string => `${kind} ${step} ${text}`

/**
 * What operators see of a run, in one place: its state, the timeline, what waits for whom. It is the answer of
 * the query `status`, the current details of the Temporal UI, and the search attributes.
 */
export class Board {
  readonly runKey: RunKey
  readonly playbook: string
  state: RunState = 'pending'
  waitingFor: WaitingFor | null = null
  principal: Principal | null = null
  /** As the start message says it, before anybody verified it. */
  claimedWorkspace: string | null = null
  request: Json = null
  policyDigest: Digest | null = null
  candidateDigest: Digest | null = null
  requestDigest: Digest | null = null
  kernelVersion: string | null = null
  buildId: string | null = null
  auditExport: string | null = null
  notActedOn: readonly string[] = []
  undoUntil: string | null = null
  result: RunResult | null = null
  readonly pending: PendingApproval[] = []
  readonly attempts: Attempt[] = []
  readonly incidents: Incident[] = []
  readonly effects: EffectStatus[] = []
  readonly drafts: Draft[] = []
  readonly timeline: TimelineEntry[] = []
  spend: Spend = { modelMicroUsd: 0, inputTokens: 0, outputTokens: 0, toolCalls: 0 }
  #notes = 0
  #noted = new Map<string, number>()
  #refused = 0
  #sawCharacters = 0
  #before: RunState = 'in_progress'
  #upserted = new Map<string, string | number | null>()

  constructor(runKey: RunKey, playbook: string) {
    this.runKey = runKey
    this.playbook = playbook
    // Rendered when somebody looks: the SDK only keeps it, and writes it as JSON into the answer of a query.
    setCurrentDetails({ toJSON: () => this.#details() } as unknown as string)
  }

  /** Fills in what an earlier execution of the run had noted; what is noted again while it is gone through again is not. */
  restore(timeline: readonly TimelineEntry[], attempts: readonly Attempt[]): void {
    this.timeline.push(...timeline)
    this.attempts.push(...attempts)
    this.#sawCharacters = attempts.reduce((sum, { saw }) => sum + charactersIn(saw), 0)
    this.#refused = attempts.filter(({ answer }) => !answer.accepted).length
    this.#notes = timeline.filter(({ kind }) => kind === 'note').length
    for (const entry of timeline) this.#noted.set(nameOf(entry), (this.#noted.get(nameOf(entry)) ?? 0) + 1)
  }

  note(kind: TimelineEntry['kind'], text: string, step?: string): void {
    const cut = shortened(text, MAX_TEXT_CHARACTERS)
    const entry = { at: now(), kind, text: cut, ...(step === undefined ? {} : { step }) }
    const noted = this.#noted.get(nameOf(entry)) ?? 0
    if (noted > 0) {
      this.#noted.set(nameOf(entry), noted - 1)
      return
    }
    const most = kind === 'note' ? MAX_NOTES : MAX_TIMELINE
    if (kind === 'note') this.#notes++
    if (kind === 'note' ? this.#notes > most : kind !== 'end' && this.timeline.length >= most) return
    this.timeline.push(
      kind === 'note' && this.#notes === most
        ? { ...entry, text: 'more notes are not listed here: they stand in the history' }
        : entry,
    )
  }

  /**
   * Keeps what somebody said and what came of it, shortened if it must be; the whole message stands in the history. Of what counted the
   * first thousand are kept, of what did not two hundred, which are noted, too.
   */
  async attempt(kind: Attempt['kind'], message: unknown, judge: () => Promise<Judged>): Promise<Answer> {
    const heard = await judge().catch((error: unknown) => {
      // Whoever sends what nobody foresaw must not keep the run from going on.
      if (isCancellation(error)) throw error
      return unheard(
        refuse(failureOf(error)?.code ?? `${kind === 'decide' ? 'decision' : kind}_malformed`, textOf(error)),
      )
    })
    const says = heard.by === null ? claimedBy(message) : undefined
    const judged = { ...heard, ...(says === undefined ? {} : { says }) }
    this.#keepAttempt(kind, message, judged)
    const { answer } = judged
    if (!answer.accepted) this.note('note', `${NOUN[kind]}${byWhom(judged)} was refused: ${answer.message}`)
    return answer
  }

  #keepAttempt(kind: Attempt['kind'], message: unknown, heard: Judged): void {
    if (!heard.answer.accepted && this.#refused++ >= MAX_ATTEMPTS) return
    if (this.attempts.length >= MAX_ATTEMPTS + MAX_TIMELINE) return
    const said = withoutStatement(message)
    const text = JSON.stringify(said) ?? 'nothing'
    const kept = text.length > 2 * MAX_TEXT_CHARACTERS ? shortened(text, 2 * MAX_TEXT_CHARACTERS) : (said as Json)
    const { saw: all, ...judged } = heard
    const saw = all?.slice(0, MAX_SAW_LINES)
    this.#sawCharacters += charactersIn(saw)
    const isKept = saw !== undefined && this.#sawCharacters <= MAX_SAW_CHARACTERS
    this.attempts.push({ kind, at: now(), message: kept, ...judged, ...(isKept ? { saw } : {}) })
  }

  /** Keeps what the run would have done: the first draft always, and more as long as Temporal carries them. */
  draft(draft: Draft): void {
    const fits = JSON.stringify([...this.drafts, draft]).length <= MAX_DRAFTS_CHARACTERS
    if (fits || this.drafts.length === 0) this.drafts.push(draft)
    else this.note('note', 'the next draft is too large to be kept beside the others', draft.step)
    this.note('draft', draft.describe, draft.step)
  }

  enter(state: RunState, waitingFor: WaitingFor | null = null): void {
    if (state !== this.state) this.state = transition(this.state, state)
    this.waitingFor = waitingFor
  }

  /** Blocked while something waits for a person: an incident before an action before a limit; then again what it was before. */
  reflectWaiting(): void {
    if (this.state !== 'blocked') this.#before = this.state
    if (this.incidents.length > 0) this.enter('blocked', 'incident')
    else if (this.pending.some(({ about }) => about === 'action')) this.enter('blocked', 'approval')
    else if (this.pending.length > 0) this.enter('blocked', 'limit')
    else this.enter(this.#before)
  }

  setEffect(step: string, state: EffectStatus['state']): void {
    const index = this.effects.findIndex((effect) => effect.step === step)
    const effect = this.effects[index]
    if (effect !== undefined) this.effects[index] = { ...effect, state }
  }

  /**
   * Shows what changed in the search attributes. Called before the run waits for something outside, so there is at
   * most one upsert in a workflow task: each costs an event. A brief wait after a decision shows nothing new: a list
   * would hardly be up to date before it is over.
   */
  flush(isBrief = false): void {
    if (isBrief && this.state === 'in_progress' && this.#upserted.get('state') === 'blocked') return
    const values: Record<keyof typeof SEARCH_ATTRIBUTES, string | number | null> = {
      state: this.state,
      waitingFor: this.waitingFor,
      playbook: this.playbook,
      workspace: this.principal?.workspace ?? null,
      policyDigest: this.policyDigest,
      // Spend rides along when something else changed, and with the end of the run.
      spend: this.spend.modelMicroUsd,
    }
    const changed = Object.entries(values).filter(([name, value]) => (this.#upserted.get(name) ?? null) !== value)
    if (changed.every(([name]) => name === 'spend')) return
    for (const [name, value] of changed) this.#upserted.set(name, value)
    upsertSearchAttributes(
      changed.map(([name, value]) => ({
        key: SEARCH_ATTRIBUTES[name as keyof typeof SEARCH_ATTRIBUTES],
        value,
      })) as Pairs,
    )
  }

  /** The page must never keep a run from going on. */
  #details(): string {
    try {
      return renderDetails(this.status())
    } catch (error) {
      return `## ${this.state}\n\nThis page cannot be shown: ${textOf(error)}`
    }
  }

  status(): RunStatus {
    return {
      runKey: this.runKey,
      playbook: this.playbook,
      state: this.state,
      waitingFor: this.waitingFor,
      principal: this.principal,
      workspace: this.principal?.workspace ?? this.claimedWorkspace,
      request: this.request,
      policyDigest: this.policyDigest,
      candidateDigest: this.candidateDigest,
      kernelVersion: this.kernelVersion,
      buildId: this.buildId,
      auditExport: this.auditExport,
      notActedOn: this.notActedOn,
      pending: this.pending,
      attempts: this.attempts,
      incidents: this.incidents,
      effects: this.effects,
      timeline: this.timeline,
      spend: this.spend,
      undoUntil: this.undoUntil,
      result: this.result,
    }
  }
}
