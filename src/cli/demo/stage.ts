import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { RunHandle } from '../../client/run-handle.ts'
import type { Answer, PendingApproval, RunStatus } from '../../contract/run.ts'
import { answerCommand, pendingLines } from '../action-text.ts'
import { CliError } from '../errors.ts'
import { sendUpdate } from '../patience.ts'
import { timelineLines } from '../run-text.ts'
import type { Session } from '../session.ts'
import { plain, say, style } from '../terminal.ts'

const POLL_MS = 80
const SCENE_TIMEOUT_MS = 60_000

/** One run of the demo: what it does is printed as it happens, and people act on it as they would at a terminal. */
export class Stage {
  readonly #session: Session
  readonly #run: RunHandle
  #printed = 0

  constructor(session: Session, run: RunHandle) {
    this.#session = session
    this.#run = run
  }

  /** Follows the run until an action waits, and shows what the approver sees. */
  async untilAsked(): Promise<PendingApproval> {
    const pending = await this.#follow('an action that waits', (status) => status.pending[0])
    say()
    say(`     ${style('bold', 'The approver sees')}`)
    for (const line of pendingLines(pending)) say(`       ${line}`)
    say()
    return pending
  }

  /** Follows the run until its outcome is known. */
  async untilEnded(): Promise<RunStatus> {
    return await this.#follow('the outcome', (status) => (status.result === null ? undefined : status))
  }

  /** Decides on what was shown. */
  async decide(pending: PendingApproval, decision: 'approve' | 'reject', by: string, comment: string) {
    const { workflowId } = this.#run
    const command = answerCommand(decision, workflowId, pending, ` --by ${by} --comment '${comment}'`)
    const { step, actionDigest } = pending
    const message = { step, decision, by, comment, actionDigest }
    await this.#act(command, (updateId) => this.#run.decide(message, updateId))
  }

  /** Undoes the completed run and waits until it is closed. */
  async undo(by: string, comment: string): Promise<void> {
    const command = `countersign undo ${this.#run.workflowId} --by ${by} --comment '${comment}'`
    await this.#act(command, (updateId) => this.#run.undo({ by, comment }, updateId))
    await this.#run.result()
    await this.untilEnded()
  }

  async #act(command: string, send: (updateId: string) => Promise<Answer>): Promise<void> {
    const updateId = randomUUID()
    say(`     ${style('cyan', '$')} ${command}`)
    const answer = await sendUpdate(this.#session, this.#run.workflowId, () => send(updateId))
    if (answer.accepted) say(`       ${style('green', 'accepted:')} ${plain(answer.message)}`)
    else say(`       ${style('yellow', 'refused:')} ${plain(answer.message)}  (${answer.code}, exit code 3)`)
  }

  async #follow<T>(what: string, look: (status: RunStatus) => T | undefined): Promise<T> {
    const deadline = Date.now() + SCENE_TIMEOUT_MS
    while (Date.now() < deadline) {
      const status = await this.#run.status()
      for (const [at, entry] of status.timeline.entries()) {
        if (at < this.#printed) continue
        for (const line of timelineLines(entry, status.timeline[at - 1])) say(`     ${line}`)
      }
      this.#printed = status.timeline.length
      const found = look(status)
      if (found !== undefined) return found
      await delay(POLL_MS)
    }
    const waited = `${this.#run.workflowId} was waited for in vain: ${what}.`
    throw new CliError('no_answer', waited, 'Run the demo again with --keep and look at the run in the Temporal UI.')
  }
}
