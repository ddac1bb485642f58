import { condition } from '@temporalio/workflow'
import { inputDigestOf, type UndoWarrant } from '../../src/contract/action.ts'
import { isUndoResult } from '../../src/contract/answers.ts'
import type { Settled } from '../../src/contract/carried.ts'
import { fail, type FailureCode, failureOf } from '../../src/contract/failures.ts'
import type { Statement } from '../../src/contract/statement.ts'
import { type Digest, digestOfText } from '../../src/contract/digest.ts'
import { assuranceText } from '../../src/contract/principal.ts'
import { firstIssue } from '../../src/contract/issue.ts'
import type { Json } from '../../src/contract/json.ts'
import { type Answer, type EffectStatus, resolveMessage } from '../../src/contract/run.ts'
import { type StopMark, stoppedIn } from '../../src/contract/stop.ts'
import type { Tool, WriteTool } from '../../src/contract/tool.ts'
import { shortened } from '../../src/contract/plain-text.ts'
import { textOf } from '../../src/contract/text.ts'
import { WIRE } from '../../src/contract/wire.ts'
import { type Board, type Judged, notHeard, now, refuse, unheard } from './board.ts'
import { type Continuation, ContinueRun } from './continuation.ts'
import { type Dispatcher, undoOptions } from './dispatch.ts'
import type { Hearing } from './hearing.ts'

/** Why effects are undone, and on whose word. */
export interface UndoReason {
  readonly why: FailureCode
  readonly by: string | null
  /** With `undo_requested`. */
  readonly statement?: Statement
}

interface Registered {
  readonly step: string
  readonly tool: WriteTool
  readonly input: Json
}

type Resolution = 'retry' | 'settled'

/** Why a host does not undo on the word of whoever asked: he does not count any more, or the key that signed for him. */
const WORD_LOST: readonly FailureCode[] = ['standing_lost', 'undo_not_allowed', 'statement_key_revoked']

/** Under which the journal has how an incident was resolved. */
const resolutionOf = (step: string): string => `resolution of ${step}`

/**
 * The compensations of a run. Each is registered before its write is scheduled, so an effect of unknown
 * outcome is compensated too: the host knows from its ledger whether there is anything to undo, and bars what
 * has not happened from happening late.
 *
 * An incident is what only a person can settle, a step that was stopped among it. The run is then `blocked`, waiting for `incident`, until the
 * update or signal `resolve` says `retry` or `settled`.
 */
export class Saga {
  readonly #board: Board
  readonly #dispatcher: Dispatcher
  readonly #workflowType: string
  readonly #continuation: Continuation
  readonly #hearing: Hearing
  readonly #registered: Registered[] = []
  readonly #resolutions = new Map<string, Resolution>()
  /** Why effects are being undone now. */
  #reason: UndoReason | undefined

  constructor(
    board: Board,
    dispatcher: Dispatcher,
    workflowType: string,
    continuation: Continuation,
    hearing: Hearing,
  ) {
    this.#board = board
    this.#dispatcher = dispatcher
    this.#workflowType = workflowType
    this.#continuation = continuation
    this.#hearing = hearing
  }

  /** The registered compensations, as a run takes them along. */
  get registered(): Settled['registered'] {
    return this.#registered.map(({ step, tool, input }) => ({ step, tool: tool.name, input }))
  }

  /** Takes over what an earlier execution of a run that is over for its playbook had registered. */
  restore({ registered, effects }: Settled, tools: readonly Tool[]): void {
    for (const { step, tool: name, input } of registered) {
      const tool = tools.find((one) => one.name === name)
      const effect = effects.find((one) => one.step === step)
      if (tool?.kind !== 'write' || effect === undefined) {
        throw fail('platform_failed', `\`${step}\` was registered for \`${name}\`, which is no write of this playbook`)
      }
      this.#registered.push({ step, tool, input })
      // What was stuck is tried once more, and becomes the same incident again.
      this.#board.effects.push(effect.state === 'stuck' ? { ...effect, state: 'running' } : effect)
    }
  }

  register(step: string, tool: WriteTool, input: Json): void {
    const effect = {
      step,
      tool: tool.name,
      describe: shortened(tool.describe(input), 500),
      state: 'running',
      reversible: tool.undo !== null,
    } as const
    const before = this.#registered.findIndex((one) => one.step === step)
    if (before === -1) {
      this.#registered.push({ step, tool, input })
      this.#board.effects.push(effect)
      return
    }
    // It did not happen as it was, and was changed: what is done now is what stands here.
    const shown = this.#board.effects.findIndex((one) => one.step === step)
    if (this.#board.effects[shown]?.state !== 'running') return
    this.#registered[before] = { step, tool, input }
    this.#board.effects[shown] = effect
  }

  isRegistered = (step: string): boolean => this.#registered.some((effect) => effect.step === step)

  /**
   * Undoes what was registered and is in one of `states`, last first. One that cannot be undone does not stop the others; it becomes an
   * incident, and the run waits until somebody settled it.
   */
  async unwind(
    reason: UndoReason,
    policyDigest: Digest,
    states: readonly EffectStatus['state'][] = ['running', 'done'],
  ): Promise<void> {
    this.#reason = reason
    const stuck: [Registered, Incident][] = []
    for (const effect of this.#registered.toReversed()) {
      const state = this.#board.effects.find(({ step }) => step === effect.step)?.state
      if (state === undefined || !states.includes(state)) continue
      const incident = await this.#undo(effect, policyDigest)
      if (incident !== undefined) stuck.push([effect, incident])
    }
    // All at once, so that people see every one of them and settle them in any order.
    await Promise.all(stuck.map(([effect, incident]) => this.#untilSettled(effect, incident, policyDigest)))
  }

  async #untilSettled(effect: Registered, first: Incident, policyDigest: Digest): Promise<void> {
    let incident: Incident | undefined = first
    while (incident !== undefined) {
      const resolution = await this.park(effect.step, incident.code, incident.message, { stop: incident.stop })
      if (resolution === 'settled') {
        this.#board.setEffect(effect.step, 'settled')
        return
      }
      incident = await this.#undo(effect, policyDigest)
    }
  }

  /** The steps that wait, and would be undone on the word of somebody else than who asked for it. */
  get #needingAnotherWord(): readonly string[] {
    if (this.#reason?.why !== 'undo_requested') return []
    return this.#board.incidents
      .filter(({ step, code }) => WORD_LOST.includes(code) && !this.#resolutions.has(step))
      .map(({ step }) => step)
  }

  /** Whether an undo that somebody asked for waits since his word does not count any more. */
  get needsAnotherWord(): boolean {
    return this.#needingAnotherWord.length > 0
  }

  /** From now on it is undone on this word; what waited for one is tried again. */
  goOnWith(reason: UndoReason): void {
    const steps = this.#needingAnotherWord
    this.#reason = reason
    for (const step of steps) this.#settle(step, 'retry')
  }

  /**
   * Blocks the run on an incident until somebody resolves it, or the run is cancelled where it still can be. `isStep`: it is a
   * step of the playbook that waits, and nobody in between may hear that the run goes on elsewhere.
   */
  async park(
    step: string,
    code: FailureCode,
    message: string,
    { stop, isStep = false }: { readonly stop?: StopMark | undefined; readonly isStep?: boolean } = {},
  ): Promise<Resolution> {
    const { journal } = this.#continuation
    const id = resolutionOf(step)
    if (journal.has(id)) return (await journal.take(id)) as Resolution
    this.#board.incidents.push({ step, code, message, since: now(), ...(stop === undefined ? {} : { stop }) })
    this.#board.reflectWaiting()
    this.#board.note('incident', message, step)
    this.#board.flush()
    try {
      await condition(() => this.#resolutions.has(step) || (!isStep && this.#continuation.isDueAfterPlaybook))
      const resolution = this.#resolutions.get(step)
      if (resolution === undefined) throw new ContinueRun()
      return resolution
    } finally {
      this.#resolutions.delete(step)
      this.#board.incidents.splice(
        this.#board.incidents.findIndex((incident) => incident.step === step),
        1,
      )
      this.#board.reflectWaiting()
    }
  }

  /** The handler of `resolve`. */
  async resolve(raw: unknown): Promise<Answer> {
    return await this.#board.attempt('resolve', raw, () => this.#judge(raw))
  }

  async #judge(raw: unknown): Promise<Judged> {
    const parsed = resolveMessage().safeParse(raw)
    if (!parsed.success) return unheard(refuse('resolve_malformed', firstIssue(parsed.error)))
    const { step, resolution, comment } = parsed.data
    const waits = (): boolean =>
      this.#board.incidents.some((incident) => incident.step === step) && !this.#resolutions.has(step)
    const none = refuse('resolve_unknown_step', `no incident waits at \`${step}\``)
    if (!waits()) return unheard(none)
    const { runKey } = this.#board
    const about = { kind: 'resolve', runKey, step, resolution, commentDigest: digestOfText(comment) } as const
    const heard = await this.#hearing.hear(about, parsed.data)
    if ('refused' in heard) return notHeard(heard.refused)
    const { by } = heard
    const assurance = assuranceText(heard.statement.who)
    // Somebody else may have resolved it while a host verified this.
    if (!waits()) return { by, assurance, describe: null, answer: none }
    this.#settle(step, resolution)
    const said = comment === '' ? '' : `: ${comment}`
    this.#board.note('decide', `${by} (${assurance}) resolves the incident as ${resolution}${said}`, step)
    const answer = { accepted: true, message: `the incident at \`${step}\` is resolved as ${resolution}` } as const
    return { by, assurance, describe: null, answer }
  }

  #settle(step: string, resolution: Resolution): void {
    this.#resolutions.set(step, resolution)
    // Each execution is opened anew, and asks for nothing that came of it before.
    if (step !== WIRE.activities.openRun) this.#continuation.journal.note(resolutionOf(step), resolution)
  }

  async #undo({ step, tool, input }: Registered, policyDigest: Digest): Promise<Incident | undefined> {
    const reason = this.#reason
    if (reason === undefined) throw fail('platform_failed', `nobody said why \`${step}\` is undone`)
    const undoStep = `${step}${WIRE.activities.undo}`
    const warrant: UndoWarrant = {
      v: 1,
      kind: 'undo',
      runKey: this.#board.runKey,
      workflowType: this.#workflowType,
      step: undoStep,
      undoes: step,
      tool: tool.name,
      policyDigest,
      inputDigest: inputDigestOf(tool.name, input),
      why: reason.why,
      by: reason.by,
      ...(reason.statement === undefined ? {} : { statement: reason.statement }),
      issuedAt: now(),
    }
    try {
      const summary = `undo: ${tool.describe(input)}`
      const result = await this.#dispatcher.activity(
        `${tool.name}${WIRE.activities.undo}`,
        { warrant },
        undoOptions(tool, undoStep, summary),
        isUndoResult,
      )
      this.#board.setEffect(step, result.state)
      this.#board.note('undo', result.text, step)
      return undefined
    } catch (error) {
      const failure = failureOf(error)
      this.#board.setEffect(step, 'stuck')
      const message = `\`${shortened(tool.describe(input), 500)}\` could not be undone: ${failure?.message ?? textOf(error)}`
      const stop = stoppedIn(error)?.stop
      return { code: failure?.code ?? 'platform_failed', message, ...(stop === undefined ? {} : { stop }) }
    }
  }
}

interface Incident {
  readonly code: FailureCode
  readonly message: string
  readonly stop?: StopMark
}
