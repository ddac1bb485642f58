import { type Kysely, type Selectable, sql } from 'kysely'
import type { IssuerKeyTable, LedgerTables } from './tables.ts'

/** A public key with which statements are verified, and since when and until when it counts. */
export interface IssuerKey {
  /** The first 32 hex digits of the SHA-256 of the public key (SPKI, DER). */
  readonly keyId: string
  /** PEM, SPKI. */
  readonly publicKey: string
  /** Who holds the private key, such as `gateway`. */
  readonly issuer: string
  readonly development: boolean
  readonly validFrom: Date
  /** `null`: until told otherwise. */
  readonly validTo: Date | null
  readonly revokedAt: Date | null
  /** Set: nothing that it ever signed counts. */
  readonly compromisedAt: Date | null
}

type NewKey = Pick<IssuerKey, 'keyId' | 'publicKey' | 'issuer' | 'development'>

/**
 * Publishes a public key, valid from now on, and answers what the ledger has of it: whoever is there first keeps issuer
 * and times, and a key that was revoked stays revoked.
 */
export async function storeIssuerKey(db: Kysely<LedgerTables>, key: NewKey): Promise<IssuerKey> {
  await db
    .insertInto('countersign.issuer_keys')
    .values({ key_id: key.keyId, public_key: key.publicKey, issuer: key.issuer, development: key.development })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const stored = await findIssuerKey(db, key.keyId)
  if (stored === undefined) throw new Error(`the key ${key.keyId} was stored and is not there`)
  return stored
}

/** The key of an id; `undefined` when nobody published it. */
export async function findIssuerKey(db: Kysely<LedgerTables>, keyId: string): Promise<IssuerKey | undefined> {
  const row = await db.selectFrom('countersign.issuer_keys').selectAll().where('key_id', '=', keyId).executeTakeFirst()
  return row === undefined ? undefined : keyOf(row)
}

/** Whether a gateway ever signed for this ledger: it has the key of one, of whatever time. */
export async function hasGatewayKey(db: Kysely<LedgerTables>): Promise<boolean> {
  const keys = db.selectFrom('countersign.issuer_keys').select('key_id').where('development', '=', false)
  return (await keys.limit(1).executeTakeFirst()) !== undefined
}

/** Every key there ever was, the newest first. */
export async function issuerKeys(db: Kysely<LedgerTables>): Promise<readonly IssuerKey[]> {
  const rows = await db
    .selectFrom('countersign.issuer_keys')
    .selectAll()
    .orderBy('valid_from', 'desc')
    .orderBy('key_id')
    .execute()
  return rows.map(keyOf)
}

/**
 * Publishes a new key of an issuer and has the others that it has end after so many minutes, unless they end sooner: what they signed by
 * then stays verifiable. Answers the new one and those that end.
 */
export async function rotateIssuerKey(
  db: Kysely<LedgerTables>,
  key: NewKey,
  overlapMinutes: number,
): Promise<{ readonly key: IssuerKey; readonly ending: readonly IssuerKey[] }> {
  return await db.transaction().execute(async (tx) => {
    const stored = await storeIssuerKey(tx, key)
    const end = sql<Date>`now() + make_interval(mins => ${overlapMinutes})`
    const rows = await tx
      .updateTable('countersign.issuer_keys')
      .set({ valid_to: end })
      .where('issuer', '=', key.issuer)
      .where('development', '=', key.development)
      .where('key_id', '<>', key.keyId)
      .where('revoked_at', 'is', null)
      .where((where) => where.or([where('valid_to', 'is', null), where('valid_to', '>', end)]))
      .returningAll()
      .execute()
    return { key: stored, ending: rows.map(keyOf) }
  })
}

/**
 * Revokes a key: what it signs from now on does not count, and, `compromised`, nothing that it ever signed. A key that is
 * revoked already keeps its time and can still become compromised. `undefined`: there is no such key.
 */
export async function revokeIssuerKey(
  db: Kysely<LedgerTables>,
  keyId: string,
  { compromised }: { readonly compromised: boolean },
): Promise<IssuerKey | undefined> {
  const row = await db
    .updateTable('countersign.issuer_keys')
    .set({
      revoked_at: sql<Date>`coalesce(revoked_at, now())`,
      ...(compromised ? { compromised_at: sql<Date>`coalesce(compromised_at, now())` } : {}),
    })
    .where('key_id', '=', keyId)
    .returningAll()
    .executeTakeFirst()
  return row === undefined ? undefined : keyOf(row)
}

const keyOf = (row: Selectable<IssuerKeyTable>): IssuerKey => ({
  keyId: row.key_id,
  publicKey: row.public_key,
  issuer: row.issuer,
  development: row.development,
  validFrom: row.valid_from,
  validTo: row.valid_to,
  revokedAt: row.revoked_at,
  compromisedAt: row.compromised_at,
})
