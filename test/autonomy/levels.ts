import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import type { Autonomy } from '../../src/policy/types.ts'
import { SHIPPED_POLICIES, startWorld, type World, type WorldOptions } from '../support/world.ts'

/**
 * A world for a test file with the shipped policies under a level. Between levels only that line differs; else they have a
 * limit of $500.00 instead of $50.00, and ask for a retention.
 */
export function useLevel(autonomy: Autonomy, options: WorldOptions = {}): () => World {
  let policies = ''
  let world: World | undefined
  beforeAll(async () => {
    policies = await mkdtemp(join(tmpdir(), 'countersign-policies-'))
    await cp(SHIPPED_POLICIES, policies, { recursive: true })
    for (const slug of ['refund-request', 'support-request']) {
      const file = join(policies, `${slug}.yaml`)
      const text = (await readFile(file, 'utf8')).replace('refund_amount_usd_gte: 50\n', 'refund_amount_usd_gte: 500\n')
      const kept = text.replace(/^( +)log_level:/m, '$1retention_days: 365\n$1log_level:')
      await writeFile(file, `autonomy: ${autonomy}\n${kept}`)
    }
    world = await startWorld({ ...options, policies })
  })
  afterAll(async () => {
    await world?.stop()
    await rm(policies, { recursive: true })
  })
  return () => {
    if (world === undefined) throw new Error('the world was not started')
    return world
  }
}
