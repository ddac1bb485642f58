import { sql } from 'kysely'
import type { LedgerDatabase } from './database.ts'

/** An event as it is written down to be exported, in both forms. */
export interface NewOutboxEvent {
  /** Names it for good, wherever and however often it is sent. */
  readonly eventId: string
  readonly seq: number
  /** Canonical JSON, as is the next. */
  readonly native: string
  readonly ocsf: string
  readonly typeUid: number
  readonly fingerprint: string
}

/** An event that is due to be sent. */
export interface OutboxEvent {
  /** Grows in the order of sending. */
  readonly id: string
  readonly eventId: string
  readonly runKey: string
  readonly seq: number
  readonly native: string
  readonly ocsf: string
}

/** What the next event of a run names as the one before it. */
export interface LastEvent {
  readonly eventId: string
  readonly typeUid: number
  readonly fingerprint: string
}

/** What the outbox has of a run. */
interface KnownOfRun {
  readonly ids: ReadonlySet<string>
  readonly last: LastEvent | null
}

/** Of the whole outbox: whoever adds holds it until he commits, so that ids appear in their order and no cursor passes one by. */
const ADDING = 0x6f757462
const ROWS_AT_ONCE = 200

/**
 * Adds to the outbox what `render` makes of what is known of the run, each event id once. Those of one run are added one after the other.
 * Answers how many are new.
 */
export async function addToOutbox(
  db: LedgerDatabase,
  { runKey, target }: { readonly runKey: string; readonly target: string },
  render: (known: KnownOfRun) => readonly NewOutboxEvent[],
): Promise<number> {
  return await db.transaction().execute(async (tx) => {
    await sql`SELECT pg_advisory_xact_lock(${ADDING}::int, hashtext(${runKey}))`.execute(tx)
    const rows = await tx
      .selectFrom('countersign.outbox')
      .select(['event_id', 'type_uid', 'fingerprint'])
      .where('run_key', '=', runKey)
      .orderBy('id')
      .execute()
    const last = rows.at(-1)
    const fresh = render({
      ids: new Set(rows.map(({ event_id }) => event_id)),
      last:
        last === undefined ? null : { eventId: last.event_id, typeUid: last.type_uid, fingerprint: last.fingerprint },
    })
    if (fresh.length === 0) return 0
    await sql`SELECT pg_advisory_xact_lock(${ADDING}::bigint)`.execute(tx)
    for (let from = 0; from < fresh.length; from += ROWS_AT_ONCE) {
      await tx
        .insertInto('countersign.outbox')
        .values(
          fresh.slice(from, from + ROWS_AT_ONCE).map(({ eventId, seq, native, ocsf, typeUid, fingerprint }) => ({
            event_id: eventId,
            run_key: runKey,
            seq,
            target,
            native,
            ocsf,
            type_uid: typeUid,
            fingerprint,
          })),
        )
        .execute()
    }
    return fresh.length
  })
}

/** What a run's policy was when it was opened: its text. `undefined`: no worker opened it. */
export async function policyTextOfRun(db: LedgerDatabase, runKey: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('countersign.runs')
    .innerJoin('countersign.policies', 'countersign.policies.digest', 'countersign.runs.policy_digest')
    .select('countersign.policies.text')
    .where('run_key', '=', runKey)
    .executeTakeFirst()
  return row?.text
}

/** A sink, as the outbox knows it. */
interface Sink {
  readonly name: string
  /** `*`: all. */
  readonly targets: readonly string[]
}

/** A sink that is this sender's, until its lease is over. */
export interface HeldSink {
  readonly lastId: string
  /** Failures in a row. */
  readonly attempts: number
  /** Events in a row that it called malformed. */
  readonly refusedInRow: number
}

/** Makes a sink known; a new one gets whatever is still in the outbox for it. */
export async function registerSink(db: LedgerDatabase, { name, targets }: Sink): Promise<void> {
  await db
    .insertInto('countersign.outbox_cursors')
    .values({ sink: name, targets: [...targets] })
    .onConflict((conflict) => conflict.column('sink').doUpdateSet({ targets: [...targets] }))
    .execute()
}

const forSink = sql<boolean>`('*' = ANY (cursor.targets) OR event.target = ANY (cursor.targets))`

/**
 * Takes a sink for so long, where it is due, has something to send, and nobody else has it. `undefined`: nothing is to be done here now.
 */
export async function holdSink(
  db: LedgerDatabase,
  sink: string,
  holder: string,
  forMs: number,
): Promise<HeldSink | undefined> {
  const { rows } = await sql<{ last_id: string; attempts: number; refused_in_row: number }>`
    UPDATE countersign.outbox_cursors AS cursor
    SET holder = ${holder}::uuid, held_until = now() + make_interval(secs => ${forMs / 1000})
    WHERE sink = ${sink} AND next_at <= now()
      AND (holder IS NULL OR holder = ${holder}::uuid OR held_until < now())
      AND (
        EXISTS (
          SELECT FROM countersign.outbox AS event WHERE event.id > cursor.last_id AND event.native IS NOT NULL AND ${forSink}
        )
        OR EXISTS (
          SELECT FROM countersign.outbox_refused AS refused WHERE refused.sink = cursor.sink AND refused.state = 'again'
        )
      )
    RETURNING last_id, attempts, refused_in_row`.execute(db)
  const [row] = rows
  return row && { lastId: row.last_id, attempts: row.attempts, refusedInRow: row.refused_in_row }
}

/** Goes on holding a sink; `false`: somebody else has it. */
export async function keepSink(db: LedgerDatabase, sink: string, holder: string, forMs: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('countersign.outbox_cursors')
    .set({ held_until: sql<Date>`now() + make_interval(secs => ${forMs / 1000})` })
    .where('sink', '=', sink)
    .where('holder', '=', holder)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Leaves whatever this sender holds to others. */
export async function releaseSinks(db: LedgerDatabase, holder: string): Promise<void> {
  await db
    .updateTable('countersign.outbox_cursors')
    .set({ holder: null, held_until: null })
    .where('holder', '=', holder)
    .execute()
}

/** What a sink gets next, in order: so many at most, and no more bytes than that unless the first alone has more. */
export async function nextEvents(
  db: LedgerDatabase,
  sink: string,
  { most, mostBytes, form }: { readonly most: number; readonly mostBytes: number; readonly form: 'native' | 'ocsf' },
): Promise<readonly OutboxEvent[]> {
  const { rows } = await sql<EventRow>`
    WITH next AS (
      SELECT event.id, octet_length(event.${sql.id(form)}) AS bytes
      FROM countersign.outbox AS event, countersign.outbox_cursors AS cursor
      WHERE cursor.sink = ${sink} AND event.id > cursor.last_id AND event.native IS NOT NULL AND ${forSink}
      ORDER BY event.id LIMIT ${most}
    ), sized AS (
      SELECT id, row_number() OVER (ORDER BY id) AS place, sum(bytes) OVER (ORDER BY id) AS bytes FROM next
    )
    SELECT event.id, event.event_id, event.run_key, event.seq, event.native, event.ocsf
    FROM countersign.outbox AS event JOIN sized ON sized.id = event.id
    WHERE sized.place = 1 OR sized.bytes <= ${mostBytes}
    ORDER BY event.id`.execute(db)
  return rows.map(eventOf)
}

/** An event that was refused, and that somebody wants sent once more. */
export async function nextAgain(db: LedgerDatabase, sink: string): Promise<OutboxEvent | undefined> {
  const { rows } = await sql<EventRow>`
    SELECT event.id, event.event_id, event.run_key, event.seq, event.native, event.ocsf
    FROM countersign.outbox_refused AS refused JOIN countersign.outbox AS event ON event.id = refused.outbox_id
    WHERE refused.sink = ${sink} AND refused.state = 'again' AND event.native IS NOT NULL
    ORDER BY event.id LIMIT 1`.execute(db)
  return rows[0] && eventOf(rows[0])
}

interface EventRow {
  readonly id: string
  readonly event_id: string
  readonly run_key: string
  readonly seq: number
  readonly native: string
  readonly ocsf: string
}

const eventOf = ({ event_id, run_key, ...row }: EventRow): OutboxEvent => ({
  ...row,
  eventId: event_id,
  runKey: run_key,
})

/** Whose hands a sink is in, and how far it was when it was looked at. */
interface Hold {
  readonly sink: string
  readonly holder: string
  readonly lastId: string
}

const WELL = { attempts: 0, last_error: null, failing_since: null, next_at: sql<Date>`now()` }

/** Everything up to this event has arrived. `false`: somebody else has the sink, and tells how far it is. */
export async function advanceSink(db: LedgerDatabase, hold: Hold, lastId: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('countersign.outbox_cursors')
    .set({ ...WELL, refused_in_row: 0, last_id: lastId, sent_at: sql<Date>`now()` })
    .where('sink', '=', hold.sink)
    .where('holder', '=', hold.holder)
    .where('last_id', '=', hold.lastId)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** A sink called this event malformed: it is kept beside, and the sink goes on after it, once the pause is over. */
export async function refuseEvent(
  db: LedgerDatabase,
  hold: Hold,
  { id, why, pauseMs }: { readonly id: string; readonly why: string; readonly pauseMs: number },
): Promise<boolean> {
  return await db.transaction().execute(async (tx) => {
    const { numUpdatedRows } = await tx
      .updateTable('countersign.outbox_cursors')
      .set({
        last_id: sql<string>`greatest(last_id, ${id}::bigint)`,
        refused_in_row: sql<number>`refused_in_row + 1`,
        next_at: sql<Date>`now() + make_interval(secs => ${pauseMs / 1000})`,
        ...(pauseMs > 0
          ? { last_error: `it refuses every event: ${why}`, failing_since: sql<Date>`coalesce(failing_since, now())` }
          : {}),
      })
      .where('sink', '=', hold.sink)
      .where('holder', '=', hold.holder)
      .where('last_id', '=', hold.lastId)
      .executeTakeFirst()
    if (numUpdatedRows === 0n) return false
    await tx
      .insertInto('countersign.outbox_refused')
      .values({ sink: hold.sink, outbox_id: id, why })
      .onConflict((conflict) =>
        conflict.columns(['sink', 'outbox_id']).doUpdateSet({ why, state: 'refused', refused_at: sql<Date>`now()` }),
      )
      .execute()
    return true
  })
}

/** An event that was sent once more has arrived. */
export async function settleAgain(db: LedgerDatabase, sink: string, id: string): Promise<void> {
  await db
    .updateTable('countersign.outbox_refused')
    .set({ state: 'sent' })
    .where('sink', '=', sink)
    .where('outbox_id', '=', id)
    .execute()
}

/** A sink does not take anything now: whoever holds it then tries again after so long. */
export async function postponeSink(
  db: LedgerDatabase,
  hold: Hold,
  { why, afterMs }: { readonly why: string; readonly afterMs: number },
): Promise<void> {
  await db
    .updateTable('countersign.outbox_cursors')
    .set({
      attempts: sql<number>`attempts + 1`,
      last_error: why,
      failing_since: sql<Date>`coalesce(failing_since, now())`,
      next_at: sql<Date>`now() + make_interval(secs => ${afterMs / 1000})`,
    })
    .where('sink', '=', hold.sink)
    .where('holder', '=', hold.holder)
    .execute()
}

/**
 * Empties what every sink that gets it has had for so many days, so many at a time; what one refused stays. Answers how many.
 * The rows stay: an event that is added again is known.
 */
export async function emptyDelivered(db: LedgerDatabase, keepDays: number, most: number): Promise<number> {
  const { numAffectedRows } = await sql`
    UPDATE countersign.outbox SET native = NULL, ocsf = NULL WHERE id IN (
      SELECT event.id FROM countersign.outbox AS event
      WHERE event.native IS NOT NULL AND event.added_at < now() - make_interval(days => ${keepDays})
        AND EXISTS (SELECT FROM countersign.outbox_cursors AS cursor WHERE ${forSink})
        AND NOT EXISTS (SELECT FROM countersign.outbox_cursors AS cursor WHERE ${forSink} AND cursor.last_id < event.id)
        AND NOT EXISTS (
          SELECT FROM countersign.outbox_refused AS refused WHERE refused.outbox_id = event.id AND refused.state <> 'sent'
        )
      ORDER BY event.id LIMIT ${most}
    )`.execute(db)
  return Number(numAffectedRows ?? 0n)
}

/** Empties all of a run, whoever has not had it: it is erased. Answers how many. */
export async function emptyRun(db: LedgerDatabase, runKey: string): Promise<number> {
  const { numUpdatedRows } = await db
    .updateTable('countersign.outbox')
    .set({ native: null, ocsf: null })
    .where('run_key', '=', runKey)
    .where('native', 'is not', null)
    .executeTakeFirst()
  return Number(numUpdatedRows)
}

/** How a sink stands. */
export interface SinkStanding {
  readonly sink: string
  readonly targets: readonly string[]
  /** Events that it has not had. */
  readonly waiting: number
  /** Since when the oldest of them waits. */
  readonly oldest: Date | null
  readonly refused: number
  /** `null`: it takes what it gets. */
  readonly failingSince: Date | null
  readonly why: string | null
  readonly nextAt: Date
  readonly sentAt: Date | null
}

/** Events that no sink gets, by where their policy wants them. */
interface Unclaimed {
  readonly target: string
  readonly waiting: number
  readonly oldest: Date
}

export interface OutboxStanding {
  readonly sinks: readonly SinkStanding[]
  readonly unclaimed: readonly Unclaimed[]
}

/** What waits in the outbox, and why. */
export async function outboxStanding(db: LedgerDatabase): Promise<OutboxStanding> {
  const sinks = await sql<{
    sink: string
    targets: string[]
    waiting: string
    oldest: Date | null
    refused: string
    failing_since: Date | null
    last_error: string | null
    next_at: Date
    sent_at: Date | null
  }>`
    SELECT cursor.*, due.waiting, due.oldest,
      (SELECT count(*) FROM countersign.outbox_refused AS r WHERE r.sink = cursor.sink AND r.state <> 'sent') AS refused
    FROM countersign.outbox_cursors AS cursor, LATERAL (
      SELECT count(*) AS waiting, min(event.added_at) AS oldest FROM countersign.outbox AS event
      WHERE event.id > cursor.last_id AND event.native IS NOT NULL AND ${forSink}
    ) AS due
    ORDER BY cursor.sink`.execute(db)
  const unclaimed = await sql<{ target: string; waiting: string; oldest: Date }>`
    SELECT event.target, count(*) AS waiting, min(event.added_at) AS oldest FROM countersign.outbox AS event
    WHERE event.native IS NOT NULL AND NOT EXISTS (SELECT FROM countersign.outbox_cursors AS cursor WHERE ${forSink})
    GROUP BY event.target ORDER BY event.target`.execute(db)
  return {
    sinks: sinks.rows.map((row) => ({
      sink: row.sink,
      targets: row.targets,
      waiting: Number(row.waiting),
      oldest: row.oldest,
      refused: Number(row.refused),
      failingSince: row.failing_since,
      why: row.last_error,
      nextAt: row.next_at,
      sentAt: row.sent_at,
    })),
    unclaimed: unclaimed.rows.map(({ waiting, ...row }) => ({ ...row, waiting: Number(waiting) })),
  }
}

/** An event that a sink called malformed. */
export interface RefusedEvent {
  readonly sink: string
  readonly eventId: string
  readonly why: string
  /** `again`: it is to be sent once more. */
  readonly state: 'refused' | 'again'
  readonly at: Date
}

/** What sinks refused and have not taken since, the newest first. */
export async function refusedEvents(db: LedgerDatabase, most: number): Promise<readonly RefusedEvent[]> {
  const rows = await db
    .selectFrom('countersign.outbox_refused as refused')
    .innerJoin('countersign.outbox as event', 'event.id', 'refused.outbox_id')
    .select(['refused.sink', 'event.event_id', 'refused.why', 'refused.state', 'refused.refused_at'])
    .where('refused.state', '<>', 'sent')
    .orderBy('refused.id', 'desc')
    .limit(most)
    .execute()
  return rows.map(({ sink, event_id, why, state, refused_at }) => ({
    sink,
    eventId: event_id,
    why,
    state: state === 'again' ? 'again' : 'refused',
    at: refused_at,
  }))
}

/** Has what a sink refused sent once more, all of it or one event. Answers how many. */
export async function sendAgain(db: LedgerDatabase, sink: string, eventId?: string): Promise<number> {
  const { numUpdatedRows } = await db
    .updateTable('countersign.outbox_refused as refused')
    .set({ state: 'again' })
    .where('refused.sink', '=', sink)
    .where('refused.state', '=', 'refused')
    .$if(eventId !== undefined, (query) =>
      query.where('refused.outbox_id', 'in', (inner) =>
        inner.selectFrom('countersign.outbox').select('id').where('event_id', '=', String(eventId)),
      ),
    )
    .executeTakeFirst()
  return Number(numUpdatedRows)
}

/** Forgets a sink that is gone: nothing is kept for it any more. `false`: nobody knows it. */
export async function forgetSink(db: LedgerDatabase, sink: string): Promise<boolean> {
  return await db.transaction().execute(async (tx) => {
    await tx.deleteFrom('countersign.outbox_refused').where('sink', '=', sink).execute()
    const { numDeletedRows } = await tx
      .deleteFrom('countersign.outbox_cursors')
      .where('sink', '=', sink)
      .executeTakeFirst()
    return numDeletedRows > 0n
  })
}
