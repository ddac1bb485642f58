import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import { sql } from 'kysely'
import { expect, test, vi } from 'vitest'
import type { UndoWarrant, Warrant } from '../../src/contract/action.ts'
import { codeOf } from '../../src/contract/failures.ts'
import { hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import type { LedgerDatabase } from '../../src/ledger/database.ts'
import { findEffect } from '../../src/ledger/effects.ts'
import { PLAIN } from '../../src/privacy/sealed.ts'
import type { WriteImplementation } from '../../src/tools/implementation.ts'
import { executeOnce, undoOnce } from '../../src/worker/writes.ts'
import { put } from '../kernel/contracts.ts'
import { ANA, newStep, type Put, untilOneWaits, useLedger } from './ledger-case.ts'

const ledger = useLedger()
const key = hostKeyOf(newHostKey())
const host = (db = ledger()) => ({ db, key, principal: ANA, sealer: PLAIN })

/** What an attempt comes to, in an activity of its own. */
const attempt = (work: () => Promise<unknown>): Promise<unknown> =>
  new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(work).catch(codeOf)

const write = (how: WriteImplementation, step: Put) =>
  attempt(() => {
    const warrant = { ...step, principal: {}, expect: {} } as unknown as Warrant
    return executeOnce(host(), how, { raw: step.input, parsed: step.input }, warrant, null)
  })
const undo = (how: WriteImplementation, step: Put, db = ledger()) =>
  attempt(() => {
    const warrant = { ...step, step: `${step.step}.undo`, undoes: step.step } as unknown as UndoWarrant
    return undoOnce(host(db), how, warrant)
  })
/** The ledger, whose transactions begin when so many have been asked for. */
function startingTogether(count: number): LedgerDatabase {
  const db = ledger()
  const together = Promise.withResolvers<undefined>()
  let asked = 0
  const execute = async (work: (tx: never) => Promise<unknown>) => {
    asked += 1
    if (asked === count) together.resolve(undefined)
    await together.promise
    return await db.transaction().execute(work as never)
  }
  const parts: Partial<LedgerDatabase> = {
    insertInto: db.insertInto.bind(db),
    selectFrom: db.selectFrom.bind(db),
    transaction: () => ({ execute }) as never,
  }
  return parts as LedgerDatabase
}

const boxes = (idempotency: 'key' | 'transaction', parts: Partial<WriteImplementation>): WriteImplementation =>
  ({ contract: { ...put, idempotency }, ...parts }) as unknown as WriteImplementation

test('an attempt that was taken over while it was at it answers nothing, however it ended', async () => {
  const step = newStep()
  const how = boxes('key', {
    execute: async () => {
      await sql`UPDATE countersign.effects SET fence = fence + 1 WHERE step = ${step.step}`.execute(ledger())
      return { item: 'cat', number: 1 }
    },
  })
  expect(await write(how, step)).toBe('effect_in_flight')
  expect(await findEffect(ledger(), step)).toMatchObject({ state: 'sent', result: null })
})

test('of two undos that both found an effect done, the second waits and undoes nothing', async () => {
  const step = newStep()
  let undone = 0
  const how = boxes('transaction', {
    execute: async () => ({ item: 'cat', number: 1 }),
    undo: async () => {
      undone += 1
      // The first one goes on when the other has come: to the lock, or past it.
      await vi.waitFor(async () => {
        if (undone < 2) await untilOneWaits(ledger())
      })
      return 'taken out'
    },
  })
  expect(await write(how, step)).toMatchObject({ output: { number: 1 } })
  const db = startingTogether(2)
  const answers = await Promise.all([undo(how, step, db), undo(how, step, db)])
  expect(undone).toBe(1)
  expect(answers).toContainEqual({ state: 'undone', text: 'taken out' })
  expect(answers).toContain('effect_in_flight')
  expect(await findEffect(ledger(), step)).toMatchObject({ state: 'undone' })
})
