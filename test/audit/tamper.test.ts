import { beforeAll, describe, expect, test } from 'vitest'
import type { SealedRun } from '../../src/audit/seal/bundle.ts'
import { type Verified, verifyBundle } from '../../src/audit/verify/verify.ts'
import { readPlaybooks } from '../../src/worker/registry.ts'
import { erase } from '../../src/privacy/erase.ts'
import { closedRefund, partsOf, withoutWindow } from '../privacy/erasing.ts'
import { testMasterKeys } from '../privacy/keys.ts'
import { useChangedPolicies } from '../support/own-policies.ts'
import { useOwnServer } from '../support/own-server.ts'
import { SHIPPED_WORKFLOWS, useWorld } from '../support/world.ts'
import { randomOf } from '../faults/random.ts'
import { against, bytesOf, LogOf, newSealKey, signerWith } from './seal/log-of.ts'
import { MUTATIONS } from './seal/mutations.ts'
import { committedHistories, liveRuns, runKeyIn, sealCommitted, sealLive, statesOf, storedOf } from './seal/runs.ts'

const SEED = process.env['TAMPER_SEED'] ?? '1'
const LEAST_BUNDLES = 200
const LEAST_MUTATIONS = 2_000

const address = useOwnServer(['limit.historyCount.suggestContinueAsNew=60'])
const world = useWorld({ address })
const masterKeys = testMasterKeys()
const protectedWorld = useChangedPolicies(withoutWindow, { address, masterKeys })
const [key, witness] = [newSealKey(), newSealKey()]
const runs: SealedRun[] = []
/** How many of them, from the first on, are of committed histories. */
let committed = 0

const failedIn = ({ verdicts }: Verified) => verdicts.filter(({ verdict }) => verdict === 'failed')
const failsOf = (verified: Verified) => failedIn(verified).map(({ check }) => check)

beforeAll(async () => {
  const signer = await signerWith(key)
  for (const history of committedHistories()) {
    for (const state of statesOf([history])) runs.push(await sealCommitted(state, signer))
  }
  committed = runs.length
  for (const runKey of await liveRuns(world())) {
    const histories = await storedOf(world(), runKey)
    const states = [...statesOf(histories), ...(histories.length > 1 ? [histories.slice(0, 1)] : [])]
    for (const state of states) runs.push(await sealLive(world(), runKey, state, signer))
  }
  const { run, order } = await closedRefund(protectedWorld())
  const runKey = await runKeyIn(protectedWorld(), run)
  const stored = await storedOf(protectedWorld(), runKey)
  for (const state of statesOf(stored)) runs.push(await sealLive(protectedWorld(), runKey, state, signer))
  await erase(partsOf(protectedWorld(), masterKeys), { subject: order.customerId, reason: 'asked', by: 'olga' })
  for (const state of statesOf(stored)) runs.push(await sealLive(protectedWorld(), runKey, state, signer))
}, 180_000)

describe('sealed runs of all ends, and as they were after each of their workflow tasks', () => {
  const contractsOf = () => readPlaybooks(SHIPPED_WORKFLOWS)

  test('there is every end, an open one, a chain, a reset, an incident, an encrypted and an erased one', () => {
    const states = ['completed', 'refused', 'failed', 'reverted', 'terminated', 'timed_out', 'running', 'continued']
    const found = new Set(runs.map(({ record }) => record.state))
    expect(states.filter((state) => !found.has(state))).toEqual([])
    const closings = runs.flatMap(({ record }) => record.executions.slice(0, -1).map(({ closedBy }) => closedBy))
    expect(closings).toEqual(expect.arrayContaining(['WorkflowExecutionTerminated', 'WorkflowExecutionContinuedAsNew']))
    const incidents = runs.filter(({ record }) => record.entries.some(({ kind }) => kind === 'incident'))
    expect(incidents.map(({ record }) => record.state)).toEqual(expect.arrayContaining(['terminated', 'timed_out']))
    const proofs = new Set(runs.flatMap(({ record }) => record.entries.map(({ proof }) => proof)))
    expect([...proofs].toSorted()).toEqual(['claimed', 'erased', 'sealed', 'server', 'signed'])
  })

  test('what nobody touched holds, and every byte of it counts', async () => {
    expect(runs.length).toBeGreaterThanOrEqual(LEAST_BUNDLES)
    const log = LogOf.of(runs, key)
    const by = { ...against(key, witness, await log.checkpoint()), contracts: await contractsOf() }
    for (const [index, run] of runs.entries()) {
      const verified = await verifyBundle(bytesOf(await log.bundle(run, index, witness)), by)
      // Of committed histories nobody published the keys: what hosts and gateways said then proves nothing now, and nothing else is wrong.
      const unproved = index < committed ? ['receipts', 'statements'] : []
      expect([index, failsOf(verified).filter((check) => !unproved.includes(check))]).toEqual([index, []])
      for (const { where } of failedIn(verified)) {
        for (const place of where) expect(place).toMatch(/unknown key|^and \d+ more$/)
      }
      expect(verified.ignored).toEqual([])
      expect(verified.isGood || index < committed).toBe(true)
    }
  }, 120_000)

  test(`of ${LEAST_MUTATIONS} mutations each is found, by the checks that have to find it, at its place`, async () => {
    const log = LogOf.of(runs, key)
    const by = { ...against(key, witness, await log.checkpoint()), contracts: await contractsOf() }
    const random = randomOf(SEED)
    const upTo = (most: number): number => random.below(most)
    const done = new Map<string, number>()
    const missed: string[] = []
    const kinds = Object.entries(MUTATIONS)
    let mutated = 0
    for (let round = 0; mutated < LEAST_MUTATIONS; round += 1) {
      const index = round % runs.length
      const run = runs[index] as SealedRun
      const bundle = await log.bundle(run, index, witness)
      const [name, mutate] = kinds[(round + Math.floor(round / runs.length)) % kinds.length] as (typeof kinds)[number]
      const mutation = await mutate({ bundle, runs, key, witness, upTo })
      if (mutation === undefined) continue
      mutated += 1
      done.set(name, (done.get(name) ?? 0) + 1)
      const { what, bytes, fails, where } = mutation
      const verified = await verifyBundle(bytes, by)
      const found = failsOf(verified)
      const places = failedIn(verified).flatMap((verdict) => verdict.where)
      const lacking = fails.filter((check) => !found.includes(check))
      if (
        verified.isGood ||
        lacking.length > 0 ||
        !places.some((place) => where.test(place) && !/unknown key/.test(place))
      ) {
        missed.push(
          `bundle ${index}, ${name}: ${what}; found by ${found.join(', ')} at ${places.slice(0, 3).join('; ')}`,
        )
      }
    }
    expect(missed).toEqual([])
    for (const name of Object.keys(MUTATIONS)) expect([name, (done.get(name) ?? 0) > 0]).toEqual([name, true])
  }, 300_000)
})
