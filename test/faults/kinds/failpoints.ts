import { type Failpoint, FAILPOINTS } from '../../../src/worker/failpoints.ts'
import { type Fault, type Scene, struckWithin } from '../fault.ts'
import { ATTEMPT_MS } from '../project/contracts.ts'
import type { Wish } from '../runs.ts'
import { pause } from '../servers.ts'

/** Longer than an attempt and its lease: whoever goes on then is late. */
const LATE_MS = ATTEMPT_MS + 2_500

/** What runs have to do so that somebody comes by a place. */
function wishOf(name: Failpoint): Wish {
  if (name.startsWith('probe.')) return { vias: ['probe'] }
  if (name.startsWith('takeover.')) return { vias: ['key', 'brief', 'probe'] }
  if (name.startsWith('undo.')) return { finally: 'throw' }
  if (name.startsWith('spend.')) return { advised: true }
  if (name.startsWith('preview.')) return { asked: true }
  if (name.startsWith('recall.')) return { finally: 'throw' }
  return {}
}

/** Lets the first attempts at the provider come to nobody knows what, where only a second attempt comes by a place. */
function confuse({ stage }: Scene, name: Failpoint): void {
  if (!name.startsWith('probe.') && !name.startsWith('takeover.')) return
  stage.provider.script({ turn: 'lost', verb: 'do', times: 6 })
}

const armed = (name: Failpoint, action: string): Pick<Fault, 'name' | 'wish' | 'arm'> => ({
  name: `${action.replace(/[:@].*/, '')} at ${name}`,
  wish: wishOf(name),
  async arm(scene) {
    const { stage, random } = scene
    const hit = 1 + random.below(2)
    const failpoints = `${name}=${action}@${hit}`
    await stage.victim.replace(stage.partsOf(stage.victim), stage.workerOptions(failpoints))
    confuse(scene, name)
  },
})

const kill = (name: Failpoint): Fault => ({
  ...armed(name, 'kill'),
  async strike({ stage }, settled) {
    const { worker } = stage.victim
    return (await struckWithin(() => worker.isOver, settled)) ? 1 : 0
  },
})

/** Stopped where it is until its lease is over and another has taken its place, and then it goes on. */
const stop = (name: Failpoint): Fault => ({
  ...armed(name, 'stop'),
  async strike({ stage }, settled) {
    const { worker } = stage.victim
    if (!(await struckWithin(() => worker.struck, settled))) return 0
    await pause(LATE_MS)
    worker.signal('SIGCONT')
    return 1
  },
})

const struck = async ({ stage }: Scene, settled: Promise<unknown>): Promise<number> => {
  const { worker } = stage.victim
  return (await struckWithin(() => worker.struck, settled)) ? 1 : 0
}

/** One attempt goes on after its time, while the rest of the worker is quick: a late completion. */
const late = (name: Failpoint): Fault => ({ ...armed(name, `delay:${LATE_MS}`), strike: struck })
const broken = (name: Failpoint): Fault => ({ ...armed(name, 'throw'), strike: struck })

/** Where a whole process goes on late; a place from which nothing follows needs no such test. */
const STOPPED: readonly Failpoint[] = [
  'openRun.before',
  'write.guarded',
  'write.claimed',
  'write.executing',
  'write.executed',
  'write.recorded',
  'takeover.claimed',
  'probe.answered',
  'undo.barred',
  'undo.executing',
  'undo.executed',
]

export const failpointFaults: readonly Fault[] = [
  ...FAILPOINTS.map(kill),
  ...STOPPED.map(stop),
  ...STOPPED.map(late),
  ...FAILPOINTS.map(broken),
]
