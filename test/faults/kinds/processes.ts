import type { Fault, Scene } from '../fault.ts'
import { pause } from '../servers.ts'

/** Some time into the runs, so that they are met in all states. */
const intoIt = ({ random }: Scene): Promise<void> => pause(100 + random.below(1_200))

const manAgain = async ({ stage }: Scene): Promise<void> => {
  for (const slot of stage.slots) {
    if (slot.worker.isOver) await slot.replace(stage.partsOf(slot), stage.workerOptions())
  }
}

const killAll: Fault = {
  name: 'kill all workers',
  wish: {},
  async strike(scene) {
    await intoIt(scene)
    for (const slot of scene.stage.slots) slot.worker.signal('SIGKILL')
    await Promise.all(scene.stage.slots.map(({ worker }) => worker.ended))
    await manAgain(scene)
    return scene.stage.slots.length
  },
}

const killOne: Fault = {
  name: 'kill a worker somewhere',
  wish: {},
  async strike(scene) {
    await intoIt(scene)
    scene.stage.victim.worker.signal('SIGKILL')
    return 1
  },
}

const stopOne: Fault = {
  name: 'stop a worker somewhere, and let it go on',
  wish: {},
  async strike(scene) {
    await intoIt(scene)
    scene.stage.victim.worker.signal('SIGSTOP')
    await pause(4_500)
    scene.stage.victim.worker.signal('SIGCONT')
    return 1
  },
}

const killServer: Fault = {
  name: 'kill the Temporal server',
  wish: {},
  async strike(scene) {
    await intoIt(scene)
    await scene.stage.servers.crashTemporal(scene.random.below(1_500))
    return 1
  },
}

const stopServer: Fault = {
  name: 'stop the Temporal server, and let it go on',
  wish: {},
  async strike(scene) {
    await intoIt(scene)
    const { pid } = scene.stage.servers.temporal
    process.kill(pid, 'SIGSTOP')
    await pause(3_000)
    process.kill(pid, 'SIGCONT')
    return 1
  },
}

const crashDatabase: Fault = {
  name: 'stop PostgreSQL at once',
  wish: {},
  async strike(scene) {
    await intoIt(scene)
    await scene.stage.servers.crashPostgres(scene.random.below(1_500))
    return 1
  },
}

const crashInRefund: Fault = {
  name: 'stop PostgreSQL at once, in the middle of refunds',
  wish: { refunds: true },
  async strike(scene) {
    const { servers } = scene.stage
    // A payment that somebody else holds keeps each refund in its transaction until the stop.
    const held = servers
      .query('BEGIN; LOCK TABLE records.payments IN EXCLUSIVE MODE; SELECT pg_sleep(9)')
      .catch(() => {})
    await pause(700 + scene.random.below(500))
    await servers.crashPostgres(300)
    await held
    return 1
  },
}

const killEverything: Fault = {
  name: 'kill a worker, stop PostgreSQL at once and kill the Temporal server, together',
  wish: {},
  async strike(scene) {
    await intoIt(scene)
    const { servers, victim } = scene.stage
    victim.worker.signal('SIGKILL')
    await Promise.all([servers.crashPostgres(500), servers.crashTemporal(300)])
    return 3
  },
}

export const processFaults: readonly Fault[] = [
  killAll,
  killOne,
  stopOne,
  killServer,
  stopServer,
  crashDatabase,
  crashInRefund,
  killEverything,
]
