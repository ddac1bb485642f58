import { expect, test } from 'vitest'
import type { LedgerDatabase } from '../../src/ledger/database.ts'
import {
  claim,
  complete,
  findEffect,
  lockDone,
  markUndone,
  markUnknown,
  release,
  takeOver,
} from '../../src/ledger/effects.ts'
import {
  codeOfFailed,
  expire,
  LEASE_MS,
  newStep,
  type Put,
  resultOf,
  stateOf,
  untilOneWaits,
  useLedger,
} from './ledger-case.ts'

const ledger = useLedger()
const OLD = { fence: 1 }
const NEW = { fence: 2 }

/** A step that a second attempt has taken over from the first. */
async function takenOver(): Promise<Put> {
  const step = newStep()
  expect(await claim(ledger(), step, LEASE_MS)).toEqual(OLD)
  await expire(ledger(), step)
  expect(await takeOver(ledger(), step, LEASE_MS)).toEqual(NEW)
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
  ['give back', (db, step) => release(db, step, OLD)],
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

test('a step that was given back can be claimed by the next attempt', async () => {
  const step = newStep()
  await claim(ledger(), step, LEASE_MS)
  await release(ledger(), step, OLD)
  expect(await stateOf(ledger(), step)).toBe('absent')
  expect(await claim(ledger(), step, LEASE_MS)).toEqual(OLD)
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
