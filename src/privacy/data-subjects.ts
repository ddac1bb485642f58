import type { z } from 'zod'
import { type RunKey, workflowIdOf } from '../contract/evidence.ts'
import { fail } from '../contract/failures.ts'
import { keepNewest } from '../identity/newest.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { addDataSubjects } from '../ledger/data-subjects.ts'
import type { DataKeys } from './data-keys.ts'
import { subjectsIn } from './redact.ts'

/** More people than that one request, input or output is not about: it could not be said in one statement. */
const MOST = 2_000
const REMEMBERED = 20_000

/**
 * Writes down whom the data of runs is about, so that what is of somebody can be found when he is to be forgotten: once a run and person,
 * and by a keyed hash. Without keys there is nothing to forget by, and nothing is written.
 */
export class DataSubjects {
  readonly #db: LedgerDatabase
  readonly #keys: Pick<DataKeys, 'hiddenName'> | undefined
  /** By run and hash. */
  readonly #known = new Map<string, true>()

  constructor(db: LedgerDatabase, keys: Pick<DataKeys, 'hiddenName'> | undefined) {
    this.#db = db
    this.#keys = keys
  }

  /**
   * Writes down whom a value is about, as its schema says. It is in the database when this returns; throws what the database throws, so
   * that nothing is done with data that could not be found again.
   */
  async note(
    { namespace, runKey }: { readonly namespace: string; readonly runKey: RunKey },
    value: unknown,
    schema: z.core.$ZodType,
  ): Promise<void> {
    const keys = this.#keys
    if (keys === undefined) return
    const subjects = subjectsIn(value, schema)
    if (subjects.length === 0) return
    if (subjects.length > MOST) throw fail('result_too_large', `it is about ${subjects.length} people, at most ${MOST}`)
    const hashes = await Promise.all(subjects.map((subject) => keys.hiddenName(subject)))
    const fresh = hashes.filter((hash) => !this.#known.has(`${runKey} ${hash}`))
    if (fresh.length === 0) return
    const workflowId = workflowIdOf(runKey)
    const rows = fresh.map((subjectHash) => ({ subjectHash, namespace, workflowId, runKey }))
    await addDataSubjects(this.#db, rows)
    for (const hash of fresh) keepNewest(this.#known, REMEMBERED, `${runKey} ${hash}`, true)
  }
}
