import { sql } from 'kysely'
import { afterAll, beforeAll, vi } from 'vitest'
import { inputDigestOf } from '../../src/contract/action.ts'
import { digestOf, digestOfText } from '../../src/contract/digest.ts'
import { type RunKey, runKeyOf, type StepResult } from '../../src/contract/evidence.ts'
import { codeOf } from '../../src/contract/failures.ts'
import { type LedgerDatabase, openDatabase } from '../../src/ledger/database.ts'
import { findEffect } from '../../src/ledger/effects.ts'
import { storePolicy } from '../../src/ledger/policies.ts'
import { insertRun, type NewRun } from '../../src/ledger/runs.ts'
import { principalNamed, startOf } from '../support/people.ts'
import { sampleDatabase } from '../support/world.ts'

const RUN: RunKey = runKeyOf('boxes-1', 'run-1')
/** Longer than any test takes. */
export const LEASE_MS = 600_000

const POLICY = digestOfText('none')

export const ANA = principalNamed('ana', 'boxes')

const starts = new Map<RunKey, NewRun['statement']>()
/** The start of a run; the same each time. */
function startOnce(runKey: RunKey): NewRun['statement'] {
  const start = starts.get(runKey) ?? startOf(runKey.slice(0, runKey.lastIndexOf('/')), ANA)
  starts.set(runKey, start)
  return start
}

/** A run as it is written down; of no business case unless one is given. */
export const runOf = (runKey: RunKey, businessKey: string | null = null): NewRun => ({
  runKey,
  workflowId: runKey.slice(0, runKey.lastIndexOf('/')),
  workflowType: 'boxes',
  policyDigest: POLICY,
  candidateDigest: null,
  principal: ANA,
  requestDigest: POLICY,
  businessKey,
  kernelVersion: '0',
  buildId: 'test',
  statement: startOnce(runKey),
})

/** A ledger of its own for a test file, with one run. */
export function useLedger(): () => LedgerDatabase {
  let db: LedgerDatabase | undefined
  let drop: (() => Promise<void>) | undefined
  beforeAll(async () => {
    const fresh = await sampleDatabase()
    drop = fresh.drop
    db = openDatabase(fresh.url, () => {})
    await storePolicy(db, { digest: POLICY, workflow: 'boxes', text: 'none' })
    await insertRun(db, runOf(RUN))
  })
  afterAll(async () => {
    await db?.destroy()
    await drop?.()
  })
  return () => {
    if (db === undefined) throw new Error('the ledger was not opened')
    return db
  }
}

/** What a step claims. */
export const putting = (step: string, item = 'cat') => {
  const tool = 'box.put'
  const input = { item }
  const inputDigest = inputDigestOf(tool, input)
  return { runKey: RUN, step, tool, input, inputDigest, actionDigest: digestOf({ step }), businessKey: null }
}
export type Put = ReturnType<typeof putting>

let steps = 0
/** A step that no other test knows. */
export const newStep = (): Put => putting(`box.put-${(steps += 1)}`)

export const resultOf = (text: string): StepResult => ({ output: { text }, receipt: { step: text } as never })

export const stateOf = async (db: LedgerDatabase, step: Put): Promise<string> =>
  (await findEffect(db, step))?.state ?? 'absent'

/** The code that something failed with. */
export const codeOfFailed = (asked: Promise<unknown>): Promise<string | undefined> =>
  asked.then(() => 'went through', codeOf)

/** Lets the lease of a step run out. */
export const expire = (db: LedgerDatabase, { step }: Put) =>
  sql`UPDATE countersign.effects SET lease_until = now() - interval '1 second' WHERE step = ${step}`.execute(db)

/** Waits until one statement on this database waits for a lock. */
export const untilOneWaits = (db: LedgerDatabase): Promise<void> =>
  vi.waitFor(
    async () => {
      const { rows } = await sql<{ n: number }>`SELECT count(*)::int AS n FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`.execute(db)
      if (rows[0]?.n !== 1) throw new Error(`${rows[0]?.n} wait for a lock`)
    },
    { timeout: 10_000 },
  )
