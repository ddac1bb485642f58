import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll } from 'vitest'
import type { RunHandle } from '../../src/client/index.ts'
import { fail } from '../../src/contract/failures.ts'
import type { JsonObject } from '../../src/contract/json.ts'
import type { PrincipalClaim } from '../support/refunds.ts'
import { implement, type Thinker } from '../../src/tools/implementation.ts'
import { query, until, useWorld, type WorldOptions } from '../support/world.ts'
import { newBoxes } from './boxes.ts'
import { book, charge, dollars, odd, payout } from './hostile-contracts.ts'

export const HOSTILE_WORKFLOWS = join(import.meta.dirname, 'hostile-playbooks.ts')

const shown = async () => ({ changes: [], expect: {} })

/** What tools of this world did: `odd <item>`, `undo odd <item>`. */
function newOddities() {
  const log: string[] = []
  const gate = Promise.withResolvers<void>()
  /** Called within the transaction of `book`, with the process id of its backend. */
  const within: { hook: (backend: number) => Promise<void> } = { hook: async () => {} }
  const done = (verb: string, item: string) => {
    log.push(`${verb} ${item}`)
    return { item, number: log.length }
  }
  const undoes = (verb: string) => async (input: { item: string }) => done(`undo ${verb}`, input.item).item
  const tools = [
    implement(odd, {
      preview: async ({ mode }) => {
        if (mode === 'ask undefined') return undefined as never
        if (mode === 'ask too much') return { ...(await shown()), expect: { all: 'x'.repeat(2_000_000) } }
        return mode === 'ask text' ? { changes: 'text' as never, expect: {} } : await shown()
      },
      execute: async ({ item, mode }) => {
        const made = done('odd', item)
        // Each as long as the step is tried; the compensation asks once more with the same key.
        const tries = log.filter((line) => line === `odd ${item}`).length
        if (mode === 'half, typed' && tries === 1) throw fail('tool_failed', '\ud800')
        if (mode === 'half, plain' && tries <= 3) throw new Error('\ud800')
        if (mode === 'tells too much') return { ...made, item: 'x'.repeat(2_000_000) }
        if (mode === 'tells 200 MB') return { ...made, item: 'x'.repeat(200_000_000) }
        return made
      },
      undo: async ({ item, mode }) => {
        if (mode === 'undo waits') await gate.promise
        const { item: text } = done('undo odd', item)
        return mode === 'undo says nothing' ? (undefined as never) : text
      },
    }),
    implement(charge, {
      preview: shown,
      execute: async ({ item, mode }) => {
        const made = done('charge', item)
        const foreign = Object.assign(new Error('receipt lookup: 404'), { type: 'not_found' })
        if (mode === 'foreign') throw foreign
        if (mode === 'cause') throw new Error('the lookup failed', { cause: foreign })
        return made
      },
      undo: undoes('charge'),
    }),
    implement(book, {
      preview: shown,
      execute: async ({ item }, call) => {
        await sql`INSERT INTO booked VALUES (${item})`.execute(call.db)
        const { rows } = await sql<{ pid: number }>`SELECT pg_backend_pid() AS pid`.execute(call.db)
        await within.hook(rows[0]?.pid ?? 0)
        await sql`SELECT 1`.execute(call.db)
        return done('book', item)
      },
      undo: async ({ item }, _, call) => {
        await sql`DELETE FROM booked WHERE item = ${item}`.execute(call.db)
        return done('undo book', item).item
      },
    }),
    implement(dollars, {
      preview: shown,
      execute: async ({ item }) => done('dollars', item),
      undo: undoes('dollars'),
    }),
    implement(payout, { preview: shown, execute: async ({ item }) => done('payout', item), undo: undoes('payout') }),
  ]
  return { tools, log, within, open: () => gate.resolve() }
}

export const THOUGHT_MICRO_USD = 150_000

/** Says that there is plenty, for fifteen cents a word, and for nothing less. */
const thinker: Thinker = {
  think: async (_, __, { meter }) => {
    const used = { inputTokens: 1, outputTokens: 1, microUsd: THOUGHT_MICRO_USD }
    const reservation = await meter.reserve(used, 'a thought')
    await reservation.settle(used)
    return { output: { balance: 1_000 }, model: 'fake', prompt: null, ...used }
  },
}

/** A world in which the playbooks, the tools and the callers mean no good. */
export function useHostile(options: WorldOptions = {}) {
  const { boxes, tools } = newBoxes()
  const oddities = newOddities()
  const world = useWorld({
    workflows: HOSTILE_WORKFLOWS,
    policies: join(import.meta.dirname, 'hostile-policies'),
    tools: [...tools, ...oddities.tools],
    thinker,
    ...options,
  })
  beforeAll(async () => {
    await query(world().databaseUrl, 'CREATE TABLE booked (item text NOT NULL)')
  })
  afterAll(() => oddities.open())
  const { log } = oddities
  return {
    world,
    boxes,
    ...oddities,
    /** How often a tool of this world did something to an item: `charge`, `undo charge`. */
    times: (verb: string, item: string): number => log.filter((line) => line === `${verb} ${item}`).length,
    start: (
      playbook: string,
      request: JsonObject,
      more: { readonly workflowId?: string; readonly principal?: PrincipalClaim } = {},
    ): Promise<RunHandle> =>
      world().client.start(playbook, request, {
        principal: { subject: 'ana', workspace: 'boxes' },
        workflowId: `${playbook}-${randomUUID()}`,
        ...more,
      }),
  }
}

/** The incidents of a run, once there are so many. */
export const incidentsOf = (run: RunHandle, count = 1) =>
  until(`${count} incidents of ${run.workflowId}`, async () => {
    const { incidents } = await run.status()
    return incidents.length === count ? incidents : undefined
  })
