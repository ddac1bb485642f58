import type { PayloadCodec } from '@temporalio/common'
import { canonicalJson } from '../../contract/digest.ts'
import type { RunKey } from '../../contract/evidence.ts'
import type { LedgerDatabase } from '../../ledger/database.ts'
import { entryHash, envelopeDigest, logLeaf, membersOf, type SealedRun } from './bundle.ts'
import { archived, hashesIn, LogError, type LoggedSeal, sealsOf } from './log.ts'
import { rootOf, sameHash, subtreesOf } from './merkle.ts'
import { openingCodec } from './opened.ts'
import { BOUND, readSealed, type Seal } from './sealed.ts'

/** What is archived of a run, and the seal that it has in the log. */
export interface Archived {
  readonly seal: LoggedSeal
  readonly run: SealedRun
}

/**
 * What was archived with the newest seal of a run; `undefined`: it was never sealed. Throws `LogError` where that is not what was sealed: the leaf in
 * the log has to be that of its envelope, and the envelope has to bind all that is in it. Who signed that, `verify` tells.
 */
export async function archivedSeal(db: LedgerDatabase, runKey: RunKey): Promise<Archived | undefined> {
  const seal = (await sealsOf(db, runKey)).at(-1)
  if (seal === undefined) return undefined
  const { index } = seal
  const run = await archived(db, index)
  const wrong = run === undefined ? 'there is nothing' : await wrongIn(db, seal, run)
  if (run === undefined || wrong !== undefined) {
    throw new LogError(`what is archived of its leaf ${index} is not what was sealed: ${wrong ?? ''}`)
  }
  return { seal, run }
}

/** What in a bundle is not as its leaf in the log says; `undefined`: all is. */
async function wrongIn(db: LedgerDatabase, { index, envelope, runKey }: LoggedSeal, run: SealedRun) {
  const [leaf] = await hashesIn(db)(0, index, 1)
  const isLeaf = leaf !== undefined && sameHash(leaf, logLeaf(run.envelope))
  if (!isLeaf || envelopeDigest(run.envelope) !== envelope) return 'another envelope'
  const seal = sealIn(run)
  if (seal === undefined) return 'its envelope holds no seal'
  if (seal.record.runKey !== runKey) return 'another run'
  const { entries, ...head } = run.record
  const root = await rootOf(subtreesOf(entries.map(entryHash)), entries.length)
  const isRecord =
    entries.length === seal.entries &&
    Buffer.from(root).toString('hex') === seal.root &&
    canonicalJson(head) === canonicalJson(seal.record)
  if (!isRecord) return 'another record'
  const members = membersOf(run)
  return BOUND.find((name) => members[name] !== seal.members[name])
}

function sealIn({ envelope }: SealedRun): Seal | undefined {
  try {
    return readSealed(Buffer.from(envelope.payload, 'base64'))
  } catch {
    return undefined
  }
}

/** Reads what was kept beside the histories of a run when it was sealed. */
export const besideIn = ({ blobs, keys }: SealedRun): PayloadCodec =>
  openingCodec({
    find: async (digest) => {
      const content = blobs[digest]
      return content === undefined ? undefined : Buffer.from(content, 'base64')
    },
    keys,
    // Whether a key was destroyed tells whoever has the keys.
    isErased: () => false,
  })
