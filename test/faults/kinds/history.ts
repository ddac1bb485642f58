import { workflowTasksIn } from '../../support/history.ts'
import type { Fault, Scene } from '../fault.ts'
import type { Case } from '../person.ts'
import { pause } from '../servers.ts'

/** Resets one run to each of its workflow tasks in turn, and has it settled again each time. */
async function resetEverywhere({ stage }: Scene, one: Case): Promise<number> {
  const { events } = await stage.temporal.workflow.getHandle(one.id).fetchHistory()
  const tasks = workflowTasksIn(events ?? [])
  const origin = one.runIds[0]
  let resets = 0
  for (const task of tasks) {
    const { runId } = await stage.temporal.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: one.id, runId: origin ?? null },
      reason: 'a fault',
      workflowTaskFinishEventId: task as never,
      requestId: crypto.randomUUID(),
    })
    resets += 1
    one.runIds.push(runId)
    await one.driveAgain(Date.now() + 60_000)
    if (!one.isSettled) break
  }
  return resets
}

const resets = (name: string, wish: Fault['wish']): Fault => ({
  name,
  wish,
  runs: 3,
  async strike(_scene, settled) {
    await settled
    return 0
  },
  async after(scene) {
    const counts = await Promise.all(scene.cases.map((one) => resetEverywhere(scene, one)))
    return counts.reduce((sum, count) => sum + count, 0)
  },
})

const twoVersions: Fault = {
  name: 'two versions on one queue',
  wish: { lingerMs: 800 },
  async strike({ stage }, settled) {
    const { victim } = stage
    // The steady worker goes on with what was begun under today's version.
    await victim.replace(stage.partsOf(victim, stage.next), { ...stage.workerOptions(), isSpecial: true })
    await stage.makeCurrent(stage.next)
    await pause(500)
    await stage.makeCurrent(stage.today)
    await settled
    return 1
  },
}

/** Whether a run has done its first workflow task, and so has a code that it can be replayed on. */
async function hasBegun({ stage }: Scene, { id }: Case): Promise<boolean> {
  const { events } = await stage.temporal.workflow.getHandle(id).fetchHistory()
  return workflowTasksIn(events ?? []).length > 0
}

/** A run that began on the wrong code would have to be reset to its beginning, which is another fault. */
async function allHaveBegun(scene: Scene): Promise<void> {
  while (Date.now() < scene.deadline) {
    const begun = await Promise.all(scene.cases.map((one) => hasBegun(scene, one).catch(() => false)))
    if (begun.every(Boolean)) return
    await pause(50)
  }
}

const wrongCode: Fault = {
  name: 'a deploy of other code under the same build id, and its repair',
  wish: { lingerMs: 1_500, finally: 'return' },
  async strike(scene) {
    const { stage } = scene
    const { victim, steady } = stage
    await allHaveBegun(scene)
    const wrong = { ...stage.partsOf(victim, stage.next), buildId: stage.today.buildId }
    await victim.replace(wrong, { ...stage.workerOptions(), isSpecial: true })
    // Nobody else is there: every open run meets the code that does not fit its history.
    await steady.worker.stop()
    await pause(2_500)
    await Promise.all([
      victim.replace(stage.partsOf(victim), stage.workerOptions()),
      steady.replace(stage.partsOf(steady), stage.workerOptions()),
    ])
    return 1
  },
}

/** As many characters as 200 MB have; what is carried ends far below that. */
const HUGE = 200_000_000

const hugeResult: Fault = {
  name: 'a tool result of 200 MB',
  wish: { padding: HUGE },
  runs: 2,
  async strike(_scene, settled) {
    await settled
    return 1
  },
}

const forgery: Fault = {
  name: 'warrants that are made up',
  wish: { forged: true, asked: true, held: false },
  runs: 4,
  async strike(_scene, settled) {
    await settled
    return 1
  },
}

export const historyFaults: readonly Fault[] = [
  resets('reset to every workflow task', {}),
  resets('reset to every workflow task of runs that unwind', { finally: 'throw' }),
  resets('reset to every workflow task of runs that were undone', { held: true }),
  twoVersions,
  wrongCode,
  hugeResult,
  forgery,
]
