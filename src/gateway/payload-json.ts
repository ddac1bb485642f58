import { z } from 'zod'
import { fail } from '../contract/failures.ts'
import { firstIssue } from '../contract/issue.ts'

/** The most payloads of one call; a page of Temporal's UI or CLI asks for fewer. */
const MOST_PAYLOADS = 2_000
/** Entries of the metadata of one payload. */
const MOST_METADATA = 50

/** Of either alphabet, padded or not, as protobuf JSON allows. */
const isBase64 = (text: string): boolean => {
  const digits = text.replace(/={1,2}$/, '')
  const isPadded = text === digits || text.length % 4 === 0
  return isPadded && digits.length % 4 !== 1 && /^[A-Za-z0-9+/_-]*$/.test(digits)
}
const base64 = z.string().refine(isBase64, 'is no Base64')

/** A payload as Temporal's UI and CLI send it: protobuf JSON, with bytes in Base64. */
const sentPayload = z.looseObject({
  metadata: z
    .record(z.string(), base64)
    .refine((metadata) => Object.keys(metadata).length <= MOST_METADATA, `has more than ${MOST_METADATA} entries`)
    .nullish(),
  data: base64.nullish(),
})
/** What was sent; other fields of it are kept where it is not decoded. */
export type SentPayload = z.output<typeof sentPayload>

const sentPayloads = z.looseObject({ payloads: z.array(sentPayload).max(MOST_PAYLOADS).nullish() })

/** A payload in bytes. */
export interface BytePayload {
  readonly metadata: Record<string, Uint8Array>
  readonly data: Uint8Array
}

export const invalidRequest = (what: string): Error => fail('codec_request_invalid', `the request ${what}`)

/** The JSON of a body. Fails with `codec_request_invalid`, and `codec_request_too_large` where it was not read (`null`). */
export function jsonOf({
  contentType,
  body,
}: {
  readonly contentType: string | undefined
  readonly body: string | null
}) {
  if (body === null) throw fail('codec_request_too_large', 'the request is too large')
  if (!/^application\/json(?:$|[ ;])/i.test(contentType ?? ''))
    throw invalidRequest('is not sent as `application/json`')
  try {
    return JSON.parse(body) as unknown
  } catch {
    throw invalidRequest('is no JSON')
  }
}

/** The payloads of a request. Fails with `codec_request_invalid`. */
export function payloadsOf(json: unknown): readonly SentPayload[] {
  const parsed = sentPayloads.safeParse(json)
  if (!parsed.success) throw invalidRequest(`has another form: ${firstIssue(parsed.error)}`)
  return parsed.data.payloads ?? []
}

// Node reads both alphabets.
const bytesOf = (text: string | null | undefined): Uint8Array => new Uint8Array(Buffer.from(text ?? '', 'base64'))

export const toBytes = ({ metadata, data }: SentPayload): BytePayload => ({
  metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, bytesOf(value)])),
  data: bytesOf(data),
})

const textOfBytes = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

export const toSent = ({
  metadata,
  data,
}: {
  readonly metadata?: Record<string, Uint8Array> | null
  readonly data?: Uint8Array | null
}): SentPayload => ({
  metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, textOfBytes(value)])),
  data: textOfBytes(data ?? new Uint8Array()),
})

/** What stands for a payload whose key was destroyed: a page shows it as text. */
export const ERASED: SentPayload = toSent({
  metadata: { encoding: Buffer.from('json/plain') },
  data: Buffer.from(JSON.stringify('ERASED')),
})
