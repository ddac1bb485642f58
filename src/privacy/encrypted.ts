import type { DataConverter, PayloadCodec } from '@temporalio/common'
import { extname, join } from 'node:path'
import { encryptingCodec, readingCodec } from './codec.ts'
import type { DataKeys } from './data-keys.ts'

/** Absolute path of the module, as Temporal wants it. */
export const FAILURE_CONVERTER = join(import.meta.dirname, `failure-converter${extname(import.meta.filename)}`)

/** Of which namespace payloads are, and what else a client does. */
export interface EncryptionOptions {
  /** Default: `default`. */
  readonly namespace?: string
  /** Only for what shows runs to people: what was erased reads as `{erased: true}` instead of failing. Default: it fails with `payload_erased`. */
  readonly showErased?: boolean
}

/**
 * What a Temporal client is given so that it encrypts all that it sends, and reads what is encrypted:
 * `new Client({ connection, namespace, dataConverter: encryptedDataConverter(keys, { namespace }) })`.
 */
export function encryptedDataConverter(
  keys: DataKeys,
  { namespace = 'default', showErased = false }: EncryptionOptions = {},
): DataConverter {
  const strict = encryptingCodec(keys, namespace)
  const reading = readingCodec(keys)
  const codec: PayloadCodec = showErased
    ? { ...strict, decode: (payloads, context) => reading.decode(payloads, context) }
    : strict
  return { payloadCodecs: [codec], failureConverterPath: FAILURE_CONVERTER }
}
