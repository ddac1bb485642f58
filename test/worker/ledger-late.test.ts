import { expect, test } from 'vitest'
import { codeOf } from '../../src/contract/failures.ts'
import type { LedgerDatabase } from '../../src/ledger/database.ts'
import {
  bar,
  claim,
  claimUndo,
  complete,
  findEffect,
  lockDone,
  markFailed,
  markSent,
  markUndone,
  markUnknown,
  releaseUndo,
  takeOver,
} from '../../src/ledger/effects.ts'
import {
  codeOfFailed,
  expire,
  LEASE_MS,
  newStep,
  type Put,
  putting,
  resultOf,
  stateOf,
  untilOneWaits,
  useLedger,
} from './ledger-case.ts'

const ledger = useLedger()
const OLD = { fence: 1, isCalm: true }
const NEW = { fence: 2 }

/** A step that a second attempt has taken over from the first. */
async function takenOver(): Promise<Put> {
  const step = newStep()
  expect(await claim(ledger(), step, LEASE_MS)).toEqual(OLD)
  await expire(ledger(), step)
  expect(await takeOver(ledger(), step, LEASE_MS)).toEqual({ ...NEW, sentAt: null })
  return step
}

async function done(): Promise<Put> {
  const step = newStep()
  await claim(ledger(), step, LEASE_MS)
  expect(await complete(ledger(), step, OLD, resultOf('first'))).toBe(true)
  return step
}

const late: readonly (readonly [title: string, write: (db: LedgerDatabase, step: Put) => Promise<unknown>])[] = [
  ['complete', (db, step) => complete(db, step, OLD, resultOf('late'))],
  ['mark as unknown', (db, step) => markUnknown(db, step, OLD)],
  ['mark as failed', (db, step) => markFailed(db, step, OLD)],
]

test.each(late)('an attempt that was taken over does not %s the step', async (_title, write) => {
  const step = await takenOver()
  expect((await write(ledger(), step)) ?? false).toBe(false)
  expect(await findEffect(ledger(), step)).toMatchObject({ state: 'claimed', result: null })
  expect(await complete(ledger(), step, NEW, resultOf('new'))).toBe(true)
  expect(await findEffect(ledger(), step)).toMatchObject({ state: 'done', result: { output: { text: 'new' } } })
})

test.each(late)('an attempt does not %s a step that is done', async (_title, write) => {
  const step = await done()
  expect((await write(ledger(), step)) ?? false).toBe(false)
  expect(await findEffect(ledger(), step)).toMatchObject({ state: 'done', result: { output: { text: 'first' } } })
})

test.each(late)('an attempt does not %s a step whose outcome was marked as unknown', async (_title, write) => {
  const step = newStep()
  await claim(ledger(), step, LEASE_MS)
  await markUnknown(ledger(), step, OLD)
  expect((await write(ledger(), step)) ?? false).toBe(false)
  expect(await findEffect(ledger(), step)).toMatchObject({ state: 'unknown', result: null })
})

test('a step that failed can be claimed again, and the attempt that failed stays fenced off', async () => {
  const step = newStep()
  await claim(ledger(), step, LEASE_MS)
  await markFailed(ledger(), step, OLD)
  expect(await stateOf(ledger(), step)).toBe('failed')
  expect(await claim(ledger(), step, LEASE_MS)).toEqual(NEW)
  expect(await complete(ledger(), step, OLD, resultOf('late'))).toBe(false)
  expect(await stateOf(ledger(), step)).toBe('claimed')
  expect(await complete(ledger(), step, NEW, resultOf('second'))).toBe(true)
})

test('a step that failed may do something else, since nothing happened', async () => {
  const step = newStep()
  await claim(ledger(), step, LEASE_MS)
  await markFailed(ledger(), step, OLD)
  const other = putting(step.step, 'dog')
  expect(await claim(ledger(), other, LEASE_MS)).toEqual(NEW)
  expect(await findEffect(ledger(), step)).toMatchObject({ input: { item: 'dog' }, inputDigest: other.inputDigest })
})

test('of two that claim a step that failed, one does', async () => {
  const step = newStep()
  await claim(ledger(), step, LEASE_MS)
  await markFailed(ledger(), step, OLD)
  const both = await Promise.all([1, 2].map(() => claim(ledger(), step, LEASE_MS).catch(codeOf)))
  expect(both.filter((one) => typeof one === 'object' && 'fence' in one)).toEqual([NEW])
})

test('a step that failed is barred, and a late claim is told so', async () => {
  const step = newStep()
  await claim(ledger(), step, LEASE_MS)
  await markFailed(ledger(), step, OLD)
  expect(await bar(ledger(), step)).toBeUndefined()
  expect(await codeOfFailed(claim(ledger(), step, LEASE_MS))).toBe('effect_undone')
})

test('a request leaves once the ledger says so, under a lease that begins anew', async () => {
  const step = newStep()
  await claim(ledger(), step, 2_000)
  await markSent(ledger(), step, OLD, LEASE_MS)
  expect(await stateOf(ledger(), step)).toBe('sent')
  const failed: unknown = await takeOver(ledger(), step, LEASE_MS).catch((error: unknown) => error)
  expect(codeOf(failed)).toBe('effect_in_flight')
  // Asked again when the lease is over, and not at every back-off before it.
  expect((failed as { nextRetryDelay: number }).nextRetryDelay).toBeGreaterThan(LEASE_MS - 60_000)
  expect(await complete(ledger(), step, OLD, resultOf('first'))).toBe(true)
})

test('an attempt that slept past its lease sends nothing', async () => {
  const step = newStep()
  await claim(ledger(), step, LEASE_MS)
  await expire(ledger(), step)
  expect(await codeOfFailed(markSent(ledger(), step, OLD, LEASE_MS))).toBe('effect_in_flight')
  expect(await stateOf(ledger(), step)).toBe('claimed')
})

test('an attempt that was taken over before it sent anything sends nothing', async () => {
  const step = await takenOver()
  expect(await codeOfFailed(markSent(ledger(), step, OLD, LEASE_MS))).toBe('effect_in_flight')
  expect(await stateOf(ledger(), step)).toBe('claimed')
})

test('who takes a step over is told whether anything was sent, and when first', async () => {
  const quiet = newStep()
  await claim(ledger(), quiet, LEASE_MS)
  await expire(ledger(), quiet)
  expect(await takeOver(ledger(), quiet, LEASE_MS)).toEqual({ fence: 2, sentAt: null })
  const loud = newStep()
  await claim(ledger(), loud, LEASE_MS)
  await markSent(ledger(), loud, OLD, LEASE_MS)
  await expire(ledger(), loud)
  const { sentAt } = await takeOver(ledger(), loud, LEASE_MS)
  await markSent(ledger(), loud, NEW, LEASE_MS)
  await expire(ledger(), loud)
  expect(sentAt).toBeInstanceOf(Date)
  expect(await takeOver(ledger(), loud, LEASE_MS)).toEqual({ fence: 3, sentAt })
})

test('two undos of one effect in another system do not run side by side', async () => {
  const step = await done()
  const mine = await claimUndo(ledger(), step, LEASE_MS)
  expect(await codeOfFailed(claimUndo(ledger(), step, LEASE_MS))).toBe('effect_in_flight')
  await releaseUndo(ledger(), step, mine)
  const next = await claimUndo(ledger(), step, LEASE_MS)
  await releaseUndo(ledger(), step, mine)
  expect(await codeOfFailed(claimUndo(ledger(), step, LEASE_MS))).toBe('effect_in_flight')
  await expire(ledger(), step)
  expect((await claimUndo(ledger(), step, LEASE_MS)).fence).toBeGreaterThan(next.fence)
  await markUndone(ledger(), step, 'taken out')
  expect(await codeOfFailed(claimUndo(ledger(), step, LEASE_MS))).toBe('effect_in_flight')
})

test('only a step that is done is undone', async () => {
  const step = newStep()
  expect(await lockDone(ledger(), step)).toBe(false)
  await claim(ledger(), step, LEASE_MS)
  expect(await lockDone(ledger(), step)).toBe(false)
  await markUndone(ledger(), step, 'taken out')
  expect(await stateOf(ledger(), step)).toBe('claimed')
  await complete(ledger(), step, OLD, resultOf('first'))
  expect(await lockDone(ledger(), step)).toBe(true)
})

test('of two undos in transactions the second waits and finds the step undone', async () => {
  const step = await done()
  let second: Promise<boolean> | undefined
  await ledger()
    .transaction()
    .execute(async (tx) => {
      expect(await lockDone(tx, step)).toBe(true)
      second = ledger()
        .transaction()
        .execute((other) => lockDone(other, step))
      await untilOneWaits(ledger())
      await markUndone(tx, step, 'taken out')
    })
  expect(await second).toBe(false)
  expect(await codeOfFailed(claim(ledger(), step, LEASE_MS))).toBe('effect_undone')
})
