import type { Kysely } from 'kysely'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { reply } from '../../activities/helpdesk/contract.ts'
import { migrateRecords } from '../../activities/records/migrate.ts'
import { SAMPLE, seedRecords } from '../../activities/records/seed.ts'
import { recordsOf } from '../../activities/records/tables.ts'
import {
  act,
  emptyRecords,
  everything,
  failureOfAttempt,
  postgres,
  preview,
  repliesIn,
  undo,
  untilWaiting,
} from './harness.ts'

const server = postgres()
const { ticketId } = SAMPLE.small
const answer = { ticketId, body: 'We have refunded $20.00.' }
let db: Kysely<unknown>

beforeAll(async () => {
  db = server.connect()
  await migrateRecords(db)
})
beforeEach(async () => {
  await emptyRecords(db)
  await seedRecords(db)
})

test('a reply to an open ticket is posted once', async () => {
  const sent = await act(db, reply, answer)
  expect(await repliesIn(db, ticketId)).toMatchObject([{ id: sent.replyId, body: answer.body, retracted_at: null }])
})

test('a reply to a closed ticket is refused, shown or not, and nothing changes', async () => {
  const before = await everything(db)
  const closed = { ...answer, ticketId: SAMPLE.closedTicket.ticketId }
  expect(await failureOfAttempt(preview(db, reply, closed))).toBe('precondition_failed')
  expect(await failureOfAttempt(act(db, reply, closed))).toBe('precondition_failed')
  expect(await everything(db)).toEqual(before)
})

test('a reply to an unknown ticket is not found', async () => {
  expect(await failureOfAttempt(preview(db, reply, { ...answer, ticketId: 'tkt_9999' }))).toBe('not_found')
  expect(await failureOfAttempt(act(db, reply, { ...answer, ticketId: 'tkt_9999' }))).toBe('not_found')
})

test('a ticket that somebody else answered after the preview refuses the reply', async () => {
  const shown = await preview(db, reply, answer)
  await act(db, reply, { ...answer, body: 'We look into it.' })
  expect(await failureOfAttempt(act(db, reply, answer, shown.expect))).toBe('world_moved')
  expect(await repliesIn(db, ticketId)).toHaveLength(1)
})

test('a preview shows the reply, and a reply that rests on it is posted', async () => {
  const shown = await preview(db, reply, answer)
  expect(shown.changes).toEqual([{ record: `ticket/${ticketId}`, field: 'reply', from: 'none', to: answer.body }])
  await act(db, reply, answer, shown.expect)
  expect(await repliesIn(db, ticketId)).toHaveLength(1)
})

test('a ticket that is closed while a reply waits for it takes no reply', async () => {
  const end = await db.transaction().execute(async (trx) => {
    await recordsOf(trx).updateTable('tickets').set({ status: 'closed' }).where('id', '=', ticketId).execute()
    const late = failureOfAttempt(act(db, reply, answer))
    await untilWaiting(db, 1)
    // In an object, so that the transaction does not wait for it.
    return { late }
  })
  expect(await end.late).toBe('precondition_failed')
  expect(await repliesIn(db, ticketId)).toEqual([])
})

test('an undone reply is retracted, and the customer is told that it no longer holds', async () => {
  const sent = await act(db, reply, answer)
  await undo(db, reply, answer, sent)
  const [retracted, correction] = await repliesIn(db, ticketId)
  expect(retracted?.retracted_at).toBeInstanceOf(Date)
  expect(correction).toMatchObject({
    body: 'Our last message no longer holds: “We have refunded $20.00.”',
    retracted_at: null,
  })
})

test('a reply that is undone several times at once is corrected once', async () => {
  const sent = await act(db, reply, answer)
  const lines = await Promise.all(Array.from({ length: 5 }, () => undo(db, reply, answer, sent)))
  expect(lines.filter((line) => line === `reply ${sent.replyId} was retracted before`)).toHaveLength(4)
  expect(await repliesIn(db, ticketId)).toHaveLength(2)
})

test('the longest reply can be undone, in a ticket that was closed since', async () => {
  const long = { ticketId, body: 'é'.repeat(4_000) }
  const sent = await act(db, reply, long)
  await recordsOf(db).updateTable('tickets').set({ status: 'closed' }).where('id', '=', ticketId).execute()
  await undo(db, reply, long, sent)
  expect(await repliesIn(db, ticketId)).toHaveLength(2)
})

test('an undo of a reply in another ticket is not found', async () => {
  const sent = await act(db, reply, answer)
  expect(await failureOfAttempt(undo(db, reply, { ...answer, ticketId: SAMPLE.large.ticketId }, sent))).toBe(
    'not_found',
  )
})
