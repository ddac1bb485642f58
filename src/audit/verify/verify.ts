import type { PlaybookContract } from '../../contract/playbook.ts'
import type { RunKey } from '../../contract/evidence.ts'
import type { DataKey } from '../../privacy/data-keys.ts'
import { givenKeys } from '../seal/run-keys.ts'
import { readBundle, type SealedBundle } from '../seal/bundle.ts'
import { checkCode, type PlaybookCode } from './check-code.ts'
import { checkPolicy } from './check-policy.ts'
import { checkReading } from './check-reading.ts'
import { checkReceipts, checkRecord, checkStatements, derive, historiesIn } from './check-record.ts'
import {
  type AgainstLog,
  checkCheckpoint,
  checkEnvelope,
  checkInclusion,
  checkMembers,
  checkTree,
  checkWitness,
  ignoredIn,
} from './check-seal.ts'
import { CHECKS, failed, ok, skipped, type Verdict } from './verdict.ts'

/** By what a bundle is verified. What stands in the file decides nothing. */
export interface Against extends AgainstLog {
  /** The contracts of the playbooks as they were then: by them facts are derived again. */
  readonly contracts?: ReadonlyMap<string, PlaybookContract> | undefined
  readonly code?: PlaybookCode | undefined
  /** What the run is encrypted with: of a reader who was given it. */
  readonly dataKeys?: readonly DataKey[] | undefined
}

/** What came of it. */
export interface Verified {
  /** `false`: at least one check failed. */
  readonly isGood: boolean
  /** `null`: the file is none. */
  readonly runKey: RunKey | null
  readonly verdicts: readonly Verdict[]
  /** Parts of the file by which nothing was decided. */
  readonly ignored: readonly string[]
}

/** Verifies a bundle: offline, and each question with a verdict of its own, so that what disagrees is named. */
export async function verifyBundle(bytes: Uint8Array, against: Against): Promise<Verified> {
  const read = readBundle(bytes)
  if (!read.ok) {
    const [, ...rest] = CHECKS
    const verdicts = [
      failed('file', read.why, [read.where]),
      ...rest.map((check) => skipped(check, 'the file is no bundle')),
    ]
    return { isGood: false, runKey: null, verdicts, ignored: [] }
  }
  const { bundle } = read
  const verdicts = [ok('file', `${bytes.length} bytes of canonical JSON`), ...(await verdictsOn(bundle, against))]
  return {
    isGood: verdicts.every(({ verdict }) => verdict !== 'failed'),
    runKey: bundle.record.runKey,
    verdicts,
    ignored: ignoredIn(bundle, against),
  }
}

async function verdictsOn(bundle: SealedBundle, against: Against): Promise<readonly Verdict[]> {
  const { verdict: envelope, seal } = checkEnvelope(bundle, against.keys)
  const histories = await historiesIn(bundle)
  const record = typeof histories === 'string' ? histories : await derive(bundle, histories)
  // The record was sealed without keys, and is derived again without any; the rest is looked at in full.
  const dataKeys = against.dataKeys === undefined ? undefined : givenKeys(against.dataKeys)
  const read = dataKeys === undefined ? histories : await historiesIn(bundle, dataKeys)
  const full = dataKeys === undefined || typeof read === 'string' ? record : await derive(bundle, read)
  return [
    envelope,
    checkMembers(bundle, seal),
    await checkTree(bundle, seal),
    checkInclusion(bundle),
    await checkCheckpoint(bundle, against),
    checkWitness(bundle, against),
    checkRecord(bundle, histories, record),
    await checkReading(bundle, read, against.dataKeys),
    checkPolicy(bundle, read, full, against.contracts),
    checkReceipts(full),
    checkStatements(bundle, histories, read, full),
    await checkCode(bundle, read, against.code, dataKeys),
  ]
}
