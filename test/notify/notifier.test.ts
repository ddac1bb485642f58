import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { Notice } from '../../src/contract/notice.ts'
import type { Channel } from '../../src/notify/config.ts'
import { Notifier, type NotifierParts } from '../../src/notify/notifier.ts'
import { useLedger } from '../worker/ledger-case.ts'
import { NOTICE } from './notice.ts'
import { httpSink } from './sinks.ts'

const db = useLedger()

/** A question of its own, asked so many minutes ago. */
const question = (minutesAgo = 0): Notice => ({
  ...NOTICE,
  runKey: `refund-${randomUUID()}/run-1`,
  askedAt: new Date(Date.now() - minutesAgo * 60_000).toISOString(),
})
const hook = (url: string, name = `hook-${randomUUID().slice(0, 8)}`): Channel => ({
  name,
  kind: 'webhook',
  url,
  secret: 's',
  groups: null,
  playbooks: null,
})
const notifier = (channels: readonly Channel[], more: Partial<NotifierParts> = {}): Notifier =>
  new Notifier({
    db: db(),
    config: { link: null, channels },
    isWaiting: async () => true,
    firstPauseMs: 1,
    ...more,
  })
const rowsOf = async ({ runKey }: Notice) =>
  (
    await sql<{ kind: string; state: string; attempts: number; last_error: string | null }>`
      SELECT kind, state, attempts, last_error FROM countersign.notifications WHERE run_key = ${runKey} ORDER BY id`.execute(
      db(),
    )
  ).rows

async function untilNone(of: Notifier): Promise<void> {
  for (let quiet = 0; quiet < 3;) quiet = (await of.sendDue()) === 0 ? quiet + 1 : 0
}

test('a question is told once, however often it is asked, and again with the same id where nobody answered', async () => {
  await using sink = await httpSink()
  sink.script.push(500, 'hang up')
  const notice = question()
  const teller = notifier([hook(sink.url)])
  await teller.ask(notice, [])
  await teller.ask(notice, [])
  while ((await rowsOf(notice))[0]?.state === 'waiting') await teller.sendDue()
  await untilNone(teller)
  expect(await rowsOf(notice)).toEqual([{ kind: 'asked', state: 'sent', attempts: 3, last_error: null }])
  expect(sink.came).toHaveLength(3)
  expect(new Set(sink.came.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
})

test('a question that is asked anew is told anew', async () => {
  await using sink = await httpSink()
  const notice = question(5)
  const teller = notifier([hook(sink.url)])
  await teller.ask(notice, [])
  await untilNone(teller)
  await teller.ask({ ...notice, askedAt: new Date().toISOString() }, [])
  await untilNone(teller)
  expect(sink.came).toHaveLength(2)
  expect(new Set(sink.came.map(({ headers }) => headers['webhook-id'])).size).toBe(2)
})

test('of ten that send at once each message is sent by one', async () => {
  await using sink = await httpSink()
  const channel = hook(sink.url)
  const notices = Array.from({ length: 50 }, () => question())
  const tellers = Array.from({ length: 10 }, () => notifier([channel]))
  for (const notice of notices) await notifier([channel]).ask(notice, [])
  await Promise.all(tellers.map(untilNone))
  expect(sink.came).toHaveLength(50)
  expect(new Set(sink.came.map(({ headers }) => headers['webhook-id'])).size).toBe(50)
})

test('reminders are sent when they are due, as long as the question waits, and dropped when it does not', async () => {
  await using sink = await httpSink()
  const [waits, decided] = [question(90), question(90)]
  const teller = notifier([hook(sink.url)], { isWaiting: async ({ runKey }) => runKey === waits.runKey })
  for (const notice of [waits, decided]) await teller.ask(notice, [60, 1440])
  await untilNone(teller)
  expect((await rowsOf(waits)).map(({ kind, state }) => [kind, state])).toEqual([
    ['asked', 'sent'],
    ['reminder-1', 'sent'],
    ['reminder-2', 'waiting'],
  ])
  expect((await rowsOf(decided)).map(({ kind, state }) => [kind, state])).toEqual([
    ['asked', 'dropped'],
    ['reminder-1', 'dropped'],
    ['reminder-2', 'waiting'],
  ])
  expect(sink.came).toHaveLength(2)
})

test('where nobody can tell whether it still waits, no reminder is sent, and it is tried again', async () => {
  await using sink = await httpSink()
  const notice = question(90)
  const teller = notifier([hook(sink.url)], {
    isWaiting: () => Promise.reject(new Error('away')),
    firstPauseMs: 60_000,
  })
  await teller.ask(notice, [60])
  await untilNone(teller)
  expect(sink.came).toEqual([])
  expect(await rowsOf(notice)).toMatchObject([
    { state: 'waiting', attempts: 1 },
    { state: 'waiting', attempts: 1 },
  ])
})

test('what is refused for good is given up, told to the observer, and holds no secret', async () => {
  await using sink = await httpSink()
  sink.script.push(410)
  const notice = question()
  const told: unknown[] = []
  const channel = hook(`${sink.url}/topsecret`)
  const teller = notifier([channel], { told: (...what) => told.push(what) })
  await teller.ask(notice, [])
  await untilNone(teller)
  expect(await rowsOf(notice)).toEqual([{ kind: 'asked', state: 'failed', attempts: 1, last_error: 'it answered 410' }])
  expect(told).toEqual([[channel.name, 'failed', 'it answered 410']])
})
