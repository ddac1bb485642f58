import { createPublicKey } from 'node:crypto'
import { z } from 'zod'
import { type Verify, verifierOf } from '../../identity/host-key.ts'
import type { LedgerDatabase } from '../../ledger/database.ts'
import { type IssuerKey, issuerKeys } from '../../ledger/issuer-keys.ts'
import { allKeys } from '../../ledger/keys.ts'
import type { Verifiers } from '../receipt-flaw.ts'
import type { PublishedIssuer, PublishedKeys } from './types.ts'

/** No key at all: nothing is proved by one. */
export const NO_KEYS: PublishedKeys = { hosts: {}, issuers: [] }

const time = z.iso.datetime()
const published = z.strictObject({
  hosts: z.record(z.string(), z.string()),
  issuers: z.array(
    z.strictObject({
      keyId: z.string(),
      publicKey: z.string(),
      issuer: z.string(),
      development: z.boolean(),
      validFrom: time,
      validTo: time.nullable(),
      revokedAt: time.nullable(),
      compromisedAt: time.nullable(),
    }),
  ),
})

/** Reads published keys out of JSON. */
export const publishedKeysSchema = (): z.ZodType<PublishedKeys> => published

function isKey(pem: unknown): pem is string {
  try {
    return typeof pem === 'string' && createPublicKey(pem).asymmetricKeyType === 'ed25519'
  } catch {
    return false
  }
}

/** By which receipts are verified; what is no key is as if nobody had published it. */
export function hostsIn({ hosts }: PublishedKeys): Verifiers {
  const known = new Map<string, Verify>(
    Object.entries(hosts).flatMap(([keyId, pem]) => (isKey(pem) ? [[keyId, verifierOf(pem)] as const] : [])),
  )
  return async (keyId) => known.get(keyId)
}

/** By which statements are verified. */
export function issuersIn({ issuers }: PublishedKeys): (keyId: string) => Promise<IssuerKey | undefined> {
  const known = new Map(issuers.filter(({ publicKey }) => isKey(publicKey)).map((key) => [key.keyId, keyOf(key)]))
  return async (keyId) => known.get(keyId)
}

const dateOf = (iso: string | null): Date | null => (iso === null ? null : new Date(iso))

const keyOf = ({ validFrom, validTo, revokedAt, compromisedAt, ...key }: PublishedIssuer): IssuerKey => ({
  ...key,
  validFrom: new Date(validFrom),
  validTo: dateOf(validTo),
  revokedAt: dateOf(revokedAt),
  compromisedAt: dateOf(compromisedAt),
})

const publishedIssuer = ({ validFrom, validTo, revokedAt, compromisedAt, ...key }: IssuerKey): PublishedIssuer => ({
  ...key,
  validFrom: validFrom.toISOString(),
  validTo: validTo?.toISOString() ?? null,
  revokedAt: revokedAt?.toISOString() ?? null,
  compromisedAt: compromisedAt?.toISOString() ?? null,
})

/** Every public key that a ledger has: of hosts, and of gateways with the times in which they count. */
export async function keysIn(db: LedgerDatabase): Promise<PublishedKeys> {
  return { hosts: await allKeys(db), issuers: (await issuerKeys(db)).map(publishedIssuer) }
}
