import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { SHIPPED_POLICIES, startWorld, type World, type WorldOptions } from './world.ts'

/** A world for a test file with a copy of the shipped policies, as `change` leaves the folder of it. */
export function useChangedPolicies(change: (folder: string) => Promise<void>, options: WorldOptions = {}): () => World {
  let policies = ''
  let world: World | undefined
  beforeAll(async () => {
    policies = await mkdtemp(join(tmpdir(), 'countersign-policies-'))
    await cp(SHIPPED_POLICIES, policies, { recursive: true })
    await change(policies)
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
