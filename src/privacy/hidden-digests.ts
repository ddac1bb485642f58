import { createHmac, type KeyObject } from 'node:crypto'
import type { DataKeys } from './data-keys.ts'

/**
 * A keyed hash in place of a bare digest: what was digested has so few possible values that whoever has the digest could try them all.
 * `hmac-sha256:` and 64 hex digits.
 */
export type HiddenDigest = `hmac-sha256:${string}`

const isHiddenDigest = (text: string): text is HiddenDigest => /^hmac-sha256:[0-9a-f]{64}$/.test(text)

/** By the index key, which outlives every run: the same digest is always the same, so that what was done once stays done. */
export const hiddenDigest = async (keys: Pick<DataKeys, 'hiddenName'>, digest: string): Promise<HiddenDigest> =>
  isHiddenDigest(digest) ? digest : `hmac-sha256:${await keys.hiddenName(`digest\n${digest}`)}`

/** By a key that is about to be destroyed: nobody can tell any more what was digested, nor whether two are the same. */
export const commitment = (key: KeyObject, digest: string): HiddenDigest =>
  isHiddenDigest(digest)
    ? digest
    : `hmac-sha256:${createHmac('sha256', key).update(`commitment\n${digest}`).digest('hex')}`
