import { parse } from 'yaml'
import { z } from 'zod'
import { canonicalJson } from '../../contract/digest.ts'
import type { RunKey } from '../../contract/evidence.ts'
import type { LedgerDatabase } from '../../ledger/database.ts'
import { addToOutbox, type LastEvent, type NewOutboxEvent, policyTextOfRun } from '../../ledger/outbox.ts'
import type { AuditRecord } from '../record/types.ts'
import { eventsOf, type ExportedEvent, type Wish } from './event.ts'
import { PLAIN, type Sealer } from '../../privacy/sealed.ts'
import { ocsfOf } from './ocsf.ts'
import type { Contracts } from './redaction.ts'

/** What a policy wants exported, and where to; `null`: nothing. */
interface ExportWish extends Wish {
  readonly target: string | null
}

const NOTHING: ExportWish = { target: null, level: 'standard', redacted: [] }

/** What came of writing down a run's events. */
export interface Enqueued {
  /** Where its policy wants them; `null`: nowhere, so that nothing is written down. */
  readonly target: string | null
  /** Events that were not known. */
  readonly added: number
}

/**
 * Writes the events of a record to the outbox, as far as the policy of the run wants them exported. Again with the same record it adds
 * nothing; with one that says more, or says something otherwise, that. What `contracts` do not tell of is masked.
 * `sealer`: of its workflow, made before the record was read, so that what is erased meanwhile is not written down in the clear.
 */
export async function enqueue(
  db: LedgerDatabase,
  record: AuditRecord,
  contracts: Contracts,
  sealer: Sealer = PLAIN,
): Promise<Enqueued> {
  const { target, ...wish } = await wishOf(db, record.runKey)
  if (target === null) return { target, added: 0 }
  const events = eventsOf(record, wish, contracts)
  const added = await addToOutbox(db, { runKey: record.runKey, target }, ({ ids, last }) =>
    chained(
      events.filter(({ id }) => !ids.has(id)),
      last,
      sealer,
    ),
  )
  return { target, added }
}

/** Whether the policy of a run wants anything exported. */
export const isExported = async (db: LedgerDatabase, runKey: RunKey): Promise<boolean> =>
  (await wishOf(db, runKey)).target !== null

/** Each event with the one before it. */
function chained(events: readonly ExportedEvent[], last: LastEvent | null, sealer: Sealer): readonly NewOutboxEvent[] {
  let before = last
  const sealed = (event: unknown): string => {
    const text = canonicalJson(event)
    const told = sealer.seal(text)
    return told === text ? text : JSON.stringify(told)
  }
  return events.map((event) => {
    const { event: ocsf, typeUid, fingerprint } = ocsfOf(event, before)
    before = { eventId: event.id, typeUid, fingerprint }
    return {
      eventId: event.id,
      seq: event.seq,
      native: sealed(event),
      ocsf: sealed(ocsf),
      typeUid,
      fingerprint,
    }
  })
}

/** The text was checked before it was stored; playbooks that it is of are not needed to read this. */
const policy = z.object({
  audit: z
    .object({
      log_level: z.enum(['evidence', 'standard']).default('evidence'),
      export: z.string().nullable().default(null),
      redaction: z.array(z.string()).default([]),
    })
    .default({ log_level: 'evidence', export: null, redaction: [] }),
})

async function wishOf(db: LedgerDatabase, runKey: RunKey): Promise<ExportWish> {
  const text = await policyTextOfRun(db, runKey)
  if (text === undefined) return NOTHING
  const { audit } = policy.parse(parse(text, { maxAliasCount: 0 }))
  return { target: audit.export, level: audit.log_level, redacted: audit.redaction }
}
