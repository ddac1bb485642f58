import type { Client } from '@temporalio/client'
import { setTimeout as delay } from 'node:timers/promises'
import { codeOf, type FailureCode } from '../contract/failures.ts'
import { shortened } from '../contract/plain-text.ts'
import type { Answer, RunStatus } from '../contract/run.ts'
import type { StopMark } from '../contract/stop.ts'
import { SEARCH_ATTRIBUTES } from '../contract/wire.ts'
import { quoted } from './quoted.ts'
import { RunHandle } from './run-handle.ts'
import { Sender } from './sender.ts'
import type { StatementSource } from './statements.ts'

/** What became of the runs that wait at a stop; workflow ids. */
export interface ResumedRuns {
  /** Told to go on. */
  readonly resumed: readonly string[]
  /** They refused to go on, and why: they wait on. */
  readonly refused: readonly { readonly workflowId: string; readonly code: FailureCode; readonly message: string }[]
  /** Wait for a person, and no worker answered for them: whether they wait at one of the stops is not known. */
  readonly unanswered: readonly string[]
}

/** Why they go on; `by` is for development: see `Speaker`. */
export interface ResumeWord {
  readonly by?: string
  readonly reason: string
}

/** So many runs are asked at a time, and each is given so long to answer. */
const AT_A_TIME = 20
const ANSWER_MS = 5_000
/** A step that was refused just before the lift shows in lists a moment later: so long they are looked through. */
const LOOK_MS = 3_000
const PAUSE_MS = 500

/** Has the runs that wait at these stops try their steps again. Only once the stops are lifted: else they wait again. */
export async function resumeStopped(
  { client, statements }: { readonly client: Client; readonly statements: StatementSource | undefined },
  stops: readonly StopMark[],
  word: ResumeWord,
): Promise<ResumedRuns> {
  const resumed = new Set<string>()
  const refused = new Map<string, ResumedRuns['refused'][number]>()
  // A server turns a question down at once where it holds too many of one run: what was not answered is asked again.
  const unansweredSince = new Map<string, number>()
  const isGivenUp = (workflowId: string): boolean =>
    performance.now() - (unansweredSince.get(workflowId) ?? Infinity) > ANSWER_MS
  const sender = new Sender(client, { inFlight: AT_A_TIME, answerWithinMs: ANSWER_MS })
  const end = Date.now() + LOOK_MS
  for (;;) {
    const before = resumed.size
    const listed = new Set<string>()
    await forEach(waiting(client, stops), async (workflowId) => {
      listed.add(workflowId)
      if (isGivenUp(workflowId) || refused.has(workflowId)) return
      const asked = performance.now()
      try {
        const deadline = Date.now() + ANSWER_MS
        const answers = await client.withDeadline(deadline, () =>
          resumeRun(new RunHandle({ client, sender, statements }, workflowId), stops, word),
        )
        unansweredSince.delete(workflowId)
        for (const answer of answers) {
          if (answer.accepted) resumed.add(workflowId)
          // It was resolved by somebody else meanwhile.
          else if (answer.code !== 'resolve_unknown_step') {
            refused.set(workflowId, { workflowId, code: answer.code, message: answer.message })
          }
        }
      } catch (error) {
        // Closed in the meantime.
        if (codeOf(error) === 'run_not_found') listed.delete(workflowId)
        else unansweredSince.set(workflowId, unansweredSince.get(workflowId) ?? asked)
      }
    })
    const unanswered = [...unansweredSince.keys()].filter((workflowId) => listed.has(workflowId))
    if (resumed.size === before && Date.now() > end && unanswered.every(isGivenUp))
      return { resumed: [...resumed], refused: [...refused.values()], unanswered }
    await delay(PAUSE_MS)
  }
}

/** Ids of the open runs that wait for a person because of an incident, and may wait at one of these stops. */
async function* waiting(client: Client, stops: readonly StopMark[]): AsyncGenerator<string> {
  const covered = new Set(stops.map(coveredBy))
  const narrowed = covered.has(null) ? '' : ` AND (${[...covered].join(' OR ')})`
  const query = `${SEARCH_ATTRIBUTES.waitingFor.name} = 'incident' AND ExecutionStatus = 'Running'${narrowed}`
  for await (const { workflowId } of client.workflow.list({ query })) yield workflowId
}

/** What a list knows of the runs that a stop covers; `null`: nothing. */
function coveredBy({ scope, name }: StopMark): string | null {
  const { playbook, workspace } = SEARCH_ATTRIBUTES
  // A tool stands in no list, and such a name cannot be searched for.
  if (scope === 'tool' || /[\\\p{Cc}]/u.test(name)) return null
  if (scope === 'playbook') return `${playbook.name} = ${quoted(name)}`
  // One that was not opened has no workspace yet.
  if (scope === 'workspace') return `${workspace.name} = ${quoted(name)} OR ${workspace.name} IS NULL`
  // By its id, or by its run key, which begins with it.
  const ids = [name, name.slice(0, Math.max(name.lastIndexOf('/'), 0))].filter((id) => id !== '')
  return ids.map((id) => `WorkflowId = ${quoted(id)}`).join(' OR ')
}

/** What a run answers for each step of it that waits at one of the stops. */
async function resumeRun(
  run: RunHandle,
  stops: readonly StopMark[],
  { by, reason }: ResumeWord,
): Promise<readonly Answer[]> {
  const { incidents }: RunStatus = await run.status()
  const answers: Answer[] = []
  for (const { step, stop } of incidents) {
    if (stop === undefined || !stops.some((one) => isSame(one, stop))) continue
    const comment = shortened(`the stop was lifted: ${reason}`, 2_000)
    answers.push(await run.resolve({ step, resolution: 'retry', comment, ...(by !== undefined && { by }) }))
  }
  return answers
}

/** Another installation in the namespace counts its stops, too. */
const isSame = (one: StopMark, other: StopMark): boolean =>
  one.id === other.id && one.at === other.at && one.scope === other.scope && one.name === other.name

/** Does something for each, so many at a time. */
async function forEach<T>(all: AsyncGenerator<T>, work: (one: T) => Promise<void>): Promise<void> {
  const workers = Array.from({ length: AT_A_TIME }, async () => {
    for (let next = await all.next(); next.done !== true; next = await all.next()) await work(next.value)
  })
  await Promise.all(workers)
}
