import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deploymentOf } from '../../contract/version.ts'
import { DEFAULT_TASK_QUEUE } from '../../contract/wire.ts'
import type { Stack } from '../../embedded/stack.ts'
import { startDevelopment } from '../development.ts'
import { EXIT } from '../exit.ts'
import type { JsonOption } from '../options.ts'
import { sampleProject } from '../sample-project.ts'
import type { Session } from '../session.ts'
import { Closing, listenForStop } from '../stopping.ts'
import { out, outJson, say, style } from '../terminal.ts'
import { answersOf } from './answers.ts'
import { playAll } from './play.ts'
import { summaryJson, summaryLines } from './summary.ts'

export interface DemoOptions extends JsonOption {
  readonly stateDir?: string
  readonly keep?: true
}

/** Plays the seven requests and prints what came of them. */
export async function demo(options: DemoOptions): Promise<void> {
  const startedAt = Date.now()
  const stopping = listenForStop('the demo stops')
  const closing = new Closing()
  try {
    const stateDir = options.stateDir ?? (await temporaryFolder(closing))
    // Much of what the demo does fails on purpose; only what should not happen is worth a line.
    const logLevel = 'ERROR'
    const { DATABASE_URL: _, ...env } = process.env
    const stack = { env, postgres: { database: `demo_${randomUUID().replaceAll('-', '')}` } }
    const parts = { stateDir, work: workOn, hasOwnDeployment: true, project: sampleProject, logLevel, stack } as const
    const development = await startDevelopment(parts, closing)
    const { session, host } = development
    const started: string[] = []
    if (session.taskQueue !== DEFAULT_TASK_QUEUE) closing.add(() => endRuns(session, started))

    const played = await Promise.race([
      playAll(development, (workflowId) => {
        started.push(workflowId)
        return !stopping.isAsked()
      }),
      stopping.asked.then(() => []),
      host.ended.then(() => []),
    ])
    const large = played.find(({ scene }) => scene.name === 'large')
    if (large === undefined || stopping.isAsked()) {
      process.exitCode = EXIT.couldNotRun
      return
    }
    const answers = await answersOf(session.temporal, large.workflowId, 'billing.refund')
    say()
    if (options.json) outJson(summaryJson(played, answers))
    else for (const line of summaryLines(played, answers)) out(line)
    if (played.some(({ asExpected }) => !asExpected)) process.exitCode = EXIT.no
    say()
    for (const line of development.exports) say(`${line}.`)
    const good = played.filter(({ asExpected }) => asExpected).length
    const seconds = Math.round((Date.now() - startedAt) / 1000)
    say(`${good} of ${played.length} requests ended as expected, in ${seconds} s.`)
    if (!options.keep) {
      say('The servers stop now, and the links with them; `countersign demo --keep` leaves them running.')
      return
    }
    for (const line of kept(session, large.workflowId)) say(line)
    await Promise.race([stopping.asked, host.ended])
  } finally {
    await closing.close()
  }
}

/**
 * On a Temporal that others use, their workers and ours must not take each other's work. The deployment is one for all
 * demos: nobody would ever delete it, and a namespace has room for a hundred.
 */
const workOn = ({ servers }: Stack) =>
  servers.temporalPid === undefined
    ? { taskQueue: `countersign-demo-${randomUUID()}`, deployment: 'countersign-demo' }
    : { taskQueue: DEFAULT_TASK_QUEUE, deployment: deploymentOf(DEFAULT_TASK_QUEUE) }

/** On a Temporal that goes on without us: nobody would ever close the undo windows that are still open. */
async function endRuns({ temporal }: Session, workflowIds: readonly string[]): Promise<void> {
  for (const workflowId of workflowIds) {
    const run = temporal.workflow.getHandle(workflowId)
    await run.terminate('the demo is over').catch(() => undefined) // most of them are closed
  }
}

async function temporaryFolder(closing: Closing): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-demo-'))
  closing.add(() => rm(folder, { recursive: true, force: true }))
  return folder
}

const kept = ({ place, flags }: Session, workflowId: string): readonly string[] => [
  '',
  style('bold', 'Everything stays up until Ctrl-C.'),
  ...(place.uiUrl === null ? [] : [`  Temporal UI  ${place.uiUrl}`]),
  '  In another terminal:',
  `    countersign list${flags}`,
  `    countersign show ${workflowId}${flags}`,
  `    countersign undo ${workflowId} --by <you>${flags}`,
]
