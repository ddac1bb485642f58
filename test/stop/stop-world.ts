import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import type { RunHandle } from '../../src/client/index.ts'
import type { JsonObject } from '../../src/contract/json.ts'
import type { StopScope, StopTarget } from '../../src/contract/stop.ts'
import type { LedgerDatabase } from '../../src/ledger/database.ts'
import { type Stop, stopHistory, stopsInForce } from '../../src/ledger/stops.ts'
import { liftNow, stopNow } from '../../src/worker/stopping.ts'
import {
  implement,
  type Thinker,
  type ToolImplementation,
  type WriteCall,
  type WriteImplementation,
} from '../../src/tools/implementation.ts'
import { boxThinker } from '../kernel/box-world.ts'
import { newBoxes } from '../kernel/boxes.ts'
import { stare } from './stare.ts'
import { wordOf } from '../support/people.ts'
import { until, useWorld, type WorldOptions } from '../support/world.ts'

const HERE = import.meta.dirname
const LIFTER = { by: 'otto', reason: 'it is mended' }

/** Otto lifts a stop. */
export const lift = (db: LedgerDatabase, { scope, name }: StopTarget) =>
  liftNow(db, { scope, name }, wordOf('resume', { scope, name }, LIFTER.by, LIFTER.reason))

/** A run and what can be stopped of it; its workspace is its own. */
export interface Started {
  readonly run: RunHandle
  readonly workspace: string
}

/** A world of boxes in which things are stopped. `asked` hears of every look into a box and of every thought. */
export function useStops(options: WorldOptions = {}) {
  const { boxes, tools } = newBoxes()
  const asked: { readonly what: string; readonly at: number }[] = []
  const before = new Map<string, () => Promise<unknown>>()
  const stares = implement(stare, { execute: async ({ item }) => ({ item, count: boxes.held(item), padding: '' }) })
  const watched = [...tools, stares].map((how) => ({
    ...how,
    execute: async (input: { readonly item: string }, call: WriteCall) => {
      if (how.contract.kind === 'read') asked.push({ what: input.item, at: Date.now() })
      await before.get(input.item)?.()
      return await (how as WriteImplementation).execute(input, call)
    },
  })) as readonly ToolImplementation[]
  const thinker: Thinker = {
    ...boxThinker,
    think: async (thought, input, limits) => {
      asked.push({ what: `${thought.name} ${(input as { item: string }).item}`, at: Date.now() })
      return await boxThinker.think(thought, input, limits)
    },
  }
  const world = useWorld({
    workflows: join(HERE, 'playbooks.ts'),
    policies: join(HERE, 'policies'),
    tools: watched,
    thinker,
    ...options,
  })
  // What a test leaves stopped must not stop the next one.
  afterEach(async () => {
    for (const left of await stopsInForce(world().db)) await lift(world().db, left)
  })
  return {
    world,
    boxes,
    /** What an attempt on an item does first, once its host has let it pass. */
    before,
    asked,
    askedOf: (what: string) => asked.filter((one) => one.what === what),
    start: async (playbook: string, request: JsonObject): Promise<Started> => {
      const workspace = `space-${randomUUID()}`
      const principal = { subject: 'ana', workspace }
      const workflowId = `${playbook}-${randomUUID()}`
      return { run: await world().client.start(playbook, request, { principal, workflowId }), workspace }
    },
    stop: async (scope: StopScope, name: string, reason = 'it does harm'): Promise<Stop> =>
      (await stopNow(world().db, { scope, name }, wordOf('stop', { scope, name }, 'olga', reason))).stop,
    /** Lifts what is stopped, and has one run go on. */
    goOn: async (run: RunHandle): Promise<void> => {
      for (const one of await stopsInForce(world().db)) await lift(world().db, one)
      for (const { step } of (await run.status()).incidents)
        await run.resolve({ step, resolution: 'retry', by: 'otto' })
    },
    /** Lifts a stop, and tells the runs that wait at it. */
    resume: async (target: StopTarget) => {
      await lift(world().db, target)
      return await world().client.resumeStopped(await stopHistory(world().db, target), LIFTER)
    },
  }
}

/** The incident at which a run waits because of a stop. */
export const stoppedAt = (run: RunHandle) =>
  until(`${run.workflowId} to wait at a stop`, async () =>
    (await run.status()).incidents.find(({ code }) => code === 'stopped'),
  )

/** Waits until the second is over after which a stop is in force for whatever begins. */
export async function inForce({ at }: Stop): Promise<void> {
  await until('the second in which a stop comes into force', async () =>
    Date.now() - Date.parse(at) > 1_000 ? true : undefined,
  )
}

export const puts = (...items: readonly string[]) => items.map((item) => ({ tool: 'put', item }))
