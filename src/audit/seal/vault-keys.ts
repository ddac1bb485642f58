import { createPublicKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { fail } from '../../contract/failures.ts'
import { askVault, type VaultSettings } from '../../privacy/vault-http.ts'
import type { SealKey } from './keys.ts'
import { bytesIn } from './note.ts'

const keyAnswer = z.object({
  data: z.object({
    type: z.string(),
    derived: z.boolean().default(false),
    latest_version: z.int().positive(),
    keys: z.record(z.string(), z.unknown()),
  }),
})
const publicAnswer = z.object({ public_key: z.string() })
const signAnswer = z.object({ data: z.object({ signature: z.string() }) })

/**
 * The versions of an Ed25519 key in Vault's transit engine (HTTP API, `/v1/<mount>/keys|sign/<name>`), the latest first and then as many older ones as
 * `overlap` says: after a rotation the log goes on being believed by those who have the public key of before. The private keys never leave
 * Vault. Fails with `keys_unavailable` where Vault does not answer, is sealed, says no, or has another kind of key.
 */
export async function vaultSealKeys(settings: VaultSettings, overlap = 1): Promise<readonly [SealKey, ...SealKey[]]> {
  const { key } = settings
  const { data } = await askVault(settings, `keys/${key}`, undefined, keyAnswer)
  if (data.type !== 'ed25519' || data.derived) {
    const kind = `${data.type}${data.derived ? ', derived' : ''}`
    throw fail('keys_unavailable', `the transit key \`${key}\` is of type ${kind}; it must be ed25519, and not derived`)
  }
  const latest = versionOf(settings, data.keys, data.latest_version)
  if (latest === undefined) throw fail('keys_unavailable', `Vault tells no public key of \`${key}\``)
  const older = Array.from({ length: overlap }, (_, at) =>
    versionOf(settings, data.keys, data.latest_version - 1 - at),
  ).filter((one) => one !== undefined)
  return [latest, ...older]
}

function versionOf(
  settings: VaultSettings,
  keys: Readonly<Record<string, unknown>>,
  version: number,
): SealKey | undefined {
  const told = publicAnswer.safeParse(keys[String(version)])
  const publicKey = told.success ? publicKeyIn(told.data.public_key) : undefined
  return publicKey === undefined ? undefined : { publicKey, sign: (bytes) => signed(settings, version, bytes) }
}

/** 32 bytes in base64, as transit tells an Ed25519 key. */
function publicKeyIn(base64: string): KeyObject | undefined {
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.length !== 32) return undefined
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') }, format: 'jwk' })
}

async function signed(settings: VaultSettings, version: number, bytes: Uint8Array): Promise<Uint8Array> {
  const body = { input: Buffer.from(bytes).toString('base64'), key_version: version }
  const { data } = await askVault(settings, `sign/${settings.key}`, body, signAnswer)
  const [, of, base64 = ''] = /^vault:v(\d+):([A-Za-z0-9+/=]+)$/.exec(data.signature) ?? []
  const signature = bytesIn(base64)
  if (Number(of) === version && signature?.length === 64) return signature
  throw fail('keys_unavailable', 'Vault answered with a signature of another form, or of another version of the key')
}
