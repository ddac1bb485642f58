import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import type { DecideMessage } from '../contract/action.ts'
import { type FailureCode, failureRule } from '../contract/failures.ts'
import type { Json } from '../contract/json.ts'
import type { Answer, PendingApproval } from '../contract/run.ts'
import { answerCommand, pendingLines } from './action-text.ts'
import { CliError, printRefusal, UsageError } from './errors.ts'
import { EXIT } from './exit.ts'
import { askRun, sendUpdate } from './patience.ts'
import type { Session } from './session.ts'
import { spokenBy } from './speaking.ts'
import { out, outJson, say } from './terminal.ts'
import { whoAnswers } from './who-answers.ts'

/** A decision as it was asked for on the command line. */
export interface Wish {
  readonly workflowId: string
  readonly step: string | undefined
  readonly decision: DecideMessage['decision']
  readonly by?: string
  readonly workspace?: string
  /** With `change`: what is to be done instead. */
  readonly input?: Json | undefined
  readonly comment: string | undefined
  readonly digest: DecideMessage['actionDigest'] | undefined
  /** Decide on what waits right now without being asked. */
  readonly yes: boolean
}

/**
 * Decides on an action: on the one of a digest, or, once shown and confirmed, on the one that waits now. `undefined`:
 * the person at the terminal did not confirm.
 */
export async function decide(
  session: Session,
  wish: Wish,
): Promise<(Answer & { readonly step: string | null }) | undefined> {
  const { workflowId, decision, comment = '', input } = wish
  let { step, digest: actionDigest } = wish
  if (step === undefined || actionDigest === undefined) {
    const pending = choose(await pendingOf(session, workflowId), wish)
    if ('accepted' in pending) return pending
    if (actionDigest === undefined && !(await confirmed(session, pending, wish))) return undefined
    step = pending.step
    actionDigest ??= pending.actionDigest
  }
  const message = {
    step,
    decision,
    comment,
    actionDigest,
    ...spokenBy(wish),
    ...(input !== undefined && { input }),
  }
  const updateId = randomUUID()
  const answer = await sendUpdate(session, workflowId, () => session.client.run(workflowId).decide(message, updateId))
  return { ...answer, step }
}

async function pendingOf(session: Session, workflowId: string): Promise<readonly PendingApproval[]> {
  const status = await askRun(session, () => session.client.run(workflowId).status())
  if (status !== undefined) return status.pending
  throw new CliError(
    'no_answer',
    'No worker answered within 5 seconds, so what waits cannot be shown.',
    `${await whoAnswers(session, workflowId)} Then try again.`,
  )
}

/** The action that is meant, or the refusal when nothing waits. Several waiting ones have to be told apart. */
function choose(
  pending: readonly PendingApproval[],
  { workflowId, step, decision }: Wish,
): PendingApproval | (Answer & { readonly accepted: false; readonly step: string | null }) {
  const matching = step === undefined ? pending : pending.filter((one) => one.step === step)
  const [first, ...others] = matching
  if (first === undefined) {
    const message = step === undefined ? 'nothing of the run waits' : `nothing waits under the step \`${step}\``
    return { accepted: false, code: 'decision_unknown_step', message, step: step ?? null }
  }
  if (others.length === 0) return first
  const steps = matching.map((one) => one.step).join(', ')
  throw new UsageError(
    `several questions wait: ${steps}`,
    `Name the step: countersign ${decision} ${workflowId} <step> …`,
  )
}

/** Shows what would be decided; on a terminal asks, elsewhere insists on `--yes`. */
async function confirmed(session: Session, pending: PendingApproval, wish: Wish): Promise<boolean> {
  for (const line of pendingLines(pending)) say(line)
  if (wish.yes) return true
  const verb = wish.decision
  if (!process.stdin.isTTY) {
    const exact = answerCommand(verb, wish.workflowId, pending, session.speaker + session.flags)
    throw new UsageError(`say which action you ${verb}`, `Run \`${exact}\`, or add --yes for what waits right now.`)
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  // Ctrl-D and Ctrl-C end it without an answer, by an error or, on an older Node, by closing alone.
  const closed = once(terminal, 'close').then(() => '')
  const asked = terminal.question(`${verb} exactly this? (yes/no) `).catch(() => '')
  const answer = await Promise.race([asked, closed])
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}

/** What helps on a command line, where that is not what helps whoever sends a message. */
const helpFor = (code: FailureCode, { decision }: Readonly<Record<string, unknown>>): string =>
  code === 'decision_malformed' && decision === 'change'
    ? 'Give the whole input by --input, with every key that the contract of the tool wants, and not only what is to be another.'
    : failureRule(code).help

/** Prints an answer of a run: exit code 3 when it is no. */
export function printAnswer(
  answer: Answer,
  more: Readonly<Record<string, unknown>>,
  { json }: { readonly json?: true | undefined },
): void {
  if (json) outJson({ ...more, ...answer })
  else if (answer.accepted) out(answer.message)
  if (answer.accepted) return
  printRefusal(answer.message, helpFor(answer.code, more), answer.code)
  process.exitCode = EXIT.no
}
