import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import type { Digest } from '../../contract/digest.ts'
import type { RunKey } from '../../contract/evidence.ts'
import { putIndexed } from '../../ledger/audit-index.ts'
import type { LedgerDatabase } from '../../ledger/database.ts'
import type { LedgerTables } from '../../ledger/tables.ts'
import { indexed } from '../search/indexed.ts'
import { bundleText, type LogPlace, logLeaf, envelopeDigest, type SealedBundle, type SealedRun } from './bundle.ts'
import { canonicalJson } from '../../contract/digest.ts'
import { type NotedCheckpoint, readCheckpoint } from './checkpoint.ts'
import { consistencyProof, type Hash, inclusionProof, rootOf, subtreesOf, type Subtrees, type Tree } from './merkle.ts'
import { type ReadHashes, subtreesOfTiles, TILE_WIDTH } from './tiles.ts'

/** A seal in the log. */
export interface LoggedSeal {
  readonly index: number
  readonly runKey: RunKey
  /** Of what the run was when it was sealed. */
  readonly stateDigest: Digest
  readonly envelope: Digest
  /** The leaf of the seal of the same run before it. */
  readonly before: number | null
  readonly state: string
  readonly sealedAt: Date
}

/** What came of adding a seal. `moved`: the run was sealed meanwhile, and this seal does not name that one. */
export type Appended =
  | { readonly came: 'added'; readonly index: number }
  | { readonly came: 'already'; readonly index: number }
  | { readonly came: 'moved' }

type Tables = Kysely<LedgerTables> | Transaction<LedgerTables>

/** One number for all processes that add to the log of a database. */
const LOCK = 4_190_019

/**
 * Adds a seal to the log and its bundle to the archive, both or neither; one at a time, so that leaves have no gap. The same run as it is
 * is added once, however often and by however many processes it is tried.
 */
export async function appendSeal(
  db: LedgerDatabase,
  sealed: SealedRun,
  { stateDigest, before }: Pick<LoggedSeal, 'stateDigest' | 'before'>,
): Promise<Appended> {
  const { runKey, state } = sealed.record
  const bundle = canonicalJson(sealed)
  return await db.transaction().execute(async (tx): Promise<Appended> => {
    await sql`SELECT pg_advisory_xact_lock(${LOCK})`.execute(tx)
    const seals = await sealsOf(tx, runKey)
    const same = seals.find((one) => one.stateDigest === stateDigest)
    if (same !== undefined) return { came: 'already', index: same.index }
    if ((seals.at(-1)?.index ?? null) !== before) return { came: 'moved' }
    const index = await logSize(tx)
    await tx
      .insertInto('countersign.log_leaves')
      .values({
        index,
        hash: Buffer.from(logLeaf(sealed.envelope)),
        run_key: runKey,
        state_digest: stateDigest,
        envelope_digest: envelopeDigest(sealed.envelope),
        state,
        before_index: before,
      })
      .execute()
    await tx.insertInto('countersign.archive').values({ index, bundle }).execute()
    await putIndexed(tx, index, indexed(sealed.record))
    await closeTiles(tx, index + 1)
    return { came: 'added', index }
  })
}

/** Writes down the hash of each tile that the last leaf filled. */
async function closeTiles(tx: Tables, size: number): Promise<void> {
  for (let level = 1, width = TILE_WIDTH; size % width === 0; level += 1, width *= TILE_WIDTH) {
    const index = size / width - 1
    const hashes = await hashesIn(tx)(level - 1, index * TILE_WIDTH, TILE_WIDTH)
    const hash = await rootOf(subtreesOf(hashes), TILE_WIDTH)
    await tx
      .insertInto('countersign.log_tiles')
      .values({ level, index, hash: Buffer.from(hash) })
      .execute()
  }
}

/** Reads hashes of tiles out of the database. */
export const hashesIn =
  (db: Tables): ReadHashes =>
  async (level, from, count) => {
    const rows =
      level === 0
        ? await db
            .selectFrom('countersign.log_leaves')
            .select('hash')
            .where('index', '>=', from)
            .where('index', '<', from + count)
            .orderBy('index')
            .execute()
        : await db
            .selectFrom('countersign.log_tiles')
            .select('hash')
            .where('level', '=', level)
            .where('index', '>=', from)
            .where('index', '<', from + count)
            .orderBy('index')
            .execute()
    if (rows.length !== count) throw new LogError(`the log lacks hashes of its tile ${level}/${from / TILE_WIDTH}`)
    return rows.map(({ hash }) => hash)
  }

/** The log is not what it has to be. */
export class LogError extends Error {
  override readonly name = 'LogError'
}

/** How many leaves the log has. */
export async function logSize(db: Tables): Promise<number> {
  const row = await db
    .selectFrom('countersign.log_leaves')
    .select((select) => select.fn.max('index').as('last'))
    .executeTakeFirst()
  return ((row?.last as number | null | undefined) ?? -1) + 1
}

const logged = (row: Selectable<LedgerTables['countersign.log_leaves']>): LoggedSeal => ({
  index: row.index,
  runKey: row.run_key as RunKey,
  stateDigest: row.state_digest as Digest,
  envelope: row.envelope_digest as Digest,
  before: row.before_index,
  state: row.state,
  sealedAt: row.sealed_at,
})

/** The seals of a run, the first one first. */
export async function sealsOf(db: Tables, runKey: RunKey): Promise<readonly LoggedSeal[]> {
  const rows = await db
    .selectFrom('countersign.log_leaves')
    .selectAll()
    .where('run_key', '=', runKey)
    .orderBy('index')
    .execute()
  return rows.map(logged)
}

/** What was archived under a leaf. */
export async function archived(db: Tables, index: number): Promise<SealedRun | undefined> {
  const row = await db.selectFrom('countersign.archive').select('bundle').where('index', '=', index).executeTakeFirst()
  return row === undefined ? undefined : (JSON.parse(row.bundle) as SealedRun)
}

/** The perfect trees in the log. */
export const logSubtrees = (db: Tables, size: number): Subtrees => subtreesOfTiles(hashesIn(db), size)

/** The tree of the first leaves of the log. */
export const treeOf = async (db: Tables, size: number): Promise<Tree> => ({
  size,
  root: await rootOf(logSubtrees(db, size), size),
})

/** A checkpoint that the signer signed, with what witnesses said of it. */
export interface StoredCheckpoint extends NotedCheckpoint {
  readonly id: string
  readonly text: string
  /** Signature lines. */
  readonly cosignatures: readonly string[]
}

/** The newest checkpoint, or the newest of a size; `undefined`: there is none. */
export async function latestCheckpoint(db: Tables, size?: number): Promise<StoredCheckpoint | undefined> {
  const row = await db
    .selectFrom('countersign.log_checkpoints')
    .select(['id', 'note'])
    .$if(size !== undefined, (query) => query.where('size', '=', size as number))
    .orderBy('size', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const checkpoint = readCheckpoint(row.note)
  if (checkpoint === undefined) throw new LogError(`the checkpoint ${row.id} of the log cannot be read`)
  const lines = await db
    .selectFrom('countersign.log_cosignatures')
    .select('line')
    .where('checkpoint_id', '=', row.id)
    .orderBy('id')
    .execute()
  return { ...checkpoint, id: row.id, text: row.note, cosignatures: lines.map(({ line }) => line) }
}

export async function storeCheckpoint(db: Tables, { size, root }: Tree, note: string): Promise<string> {
  const { id } = await db
    .insertInto('countersign.log_checkpoints')
    .values({ size, root: Buffer.from(root), note })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

export async function storeCosignature(db: Tables, checkpointId: string, line: string): Promise<void> {
  await db.insertInto('countersign.log_cosignatures').values({ checkpoint_id: checkpointId, line }).execute()
}

const base64 = (hashes: readonly Hash[]): readonly string[] =>
  hashes.map((hash) => Buffer.from(hash).toString('base64'))

/**
 * The bundle of a leaf, with its place in the log as of the newest checkpoint. `pinned`: how many leaves the checkpoint has that the reader
 * holds; the bundle then shows that both are of one log. Throws `LogError` where there is no such leaf, or no checkpoint over it.
 */
export async function bundleOf(db: LedgerDatabase, index: number, pinned?: number): Promise<string> {
  const sealed = await archived(db, index)
  if (sealed === undefined) throw new LogError(`the log has no leaf ${index}`)
  const checkpoint = await latestCheckpoint(db)
  if (checkpoint === undefined || checkpoint.size <= index) {
    throw new LogError(`no checkpoint is over the leaf ${index} yet: have the signer sign one`)
  }
  const { size } = checkpoint
  const subtrees = logSubtrees(db, Math.max(size, await logSize(db)))
  const log: LogPlace = {
    index,
    proof: base64(await inclusionProof(subtrees, index, size)),
    checkpoint: checkpoint.text,
    cosignatures: checkpoint.cosignatures,
    consistency: pinned === undefined ? null : await consistencyWith(subtrees, pinned, size),
  }
  return bundleText({ ...sealed, log } satisfies SealedBundle)
}

async function consistencyWith(subtrees: Subtrees, pinned: number, size: number): Promise<LogPlace['consistency']> {
  if (pinned === size) return null
  const [from, to] = pinned < size ? [pinned, size] : [size, pinned]
  return { from, to, proof: base64(await consistencyProof(subtrees, from, to)) }
}
