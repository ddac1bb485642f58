import type { Payload } from '@temporalio/common'
import { type FailureCode, fail, type Failure, failureOf } from '../contract/failures.ts'
import type { IdentityMapping } from '../identity/mapping.ts'
import { type CodecCall, logCodecCall } from '../ledger/codec-calls.ts'
import { databaseFailure, type LedgerDatabase } from '../ledger/database.ts'
import { holdKey, type KeyFacts, keyFactsOf } from '../ledger/key-holders.ts'
import type { KeyUse } from '../ledger/tables.ts'
import { decryptPayload, encryptPayload, isEncrypted, keyIdOf } from '../privacy/codec.ts'
import type { DataKeys } from '../privacy/data-keys.ts'
import type { MasterKeys } from '../privacy/master-keys.ts'
import { type Bearer, bearerOf, type KnownBearer, whoBears } from './bearer.ts'
import type { IssuerKeySets } from './issuers.ts'
import { ERASED, invalidRequest, jsonOf, payloadsOf, type SentPayload, toBytes, toSent } from './payload-json.ts'
import { whyNotShown } from './payload-rights.ts'
import { withoutTokens } from './problem.ts'

/** The largest request: what Temporal carries in one message (4 MB), in Base64 and with some room. Bytes. */
export const MAX_CODEC_BODY = 6_000_000

/** What the codec server works with, beside the database. */
export interface PayloadParts {
  readonly dataKeys: DataKeys
  readonly masterKeys: MasterKeys
  /** Of the pages that may ask: `https://temporal.acme.example`. Programs, which name no origin, may. */
  readonly origins: readonly string[]
}

/** What is needed to judge a call. */
export interface CodecParts {
  readonly db: LedgerDatabase
  readonly mapping: IdentityMapping
  readonly keys: IssuerKeySets
  readonly payloads: PayloadParts
  readonly onError: (error: unknown) => void
}

/** A call of one of the routes, by HTTP. */
export interface CodecAsked {
  readonly source: string
  readonly origin: string | undefined
  readonly authorization: string | undefined
  readonly contentType: string | undefined
  /** `null`: it was too large, and not read. */
  readonly body: string | null
  /** Of the path, and of the header. */
  readonly namespaces: readonly (string | undefined)[]
}

/** An answer, and why not all of it is what was asked for. */
export type CodecAnswered<T> =
  | { readonly ok: true; readonly answer: T; readonly kept: ReadonlyMap<FailureCode, number> }
  | { readonly ok: false; readonly failure: Failure }

/** What is known of a call, as far as it came: for the log. */
export interface KnownCall extends KnownBearer {
  namespace: string | null
  payloads: number
  passed: number
  keys: readonly KeyUse[]
}

/** Somebody asks, and who he is, is known. */
export interface Judged {
  readonly bearer: Bearer
  readonly known: KnownCall
  readonly json: () => unknown
  readonly namespace: { (): string; (optional: 'optional'): string | null }
}

/**
 * Judges a call: the origin first, then the token, then what is asked for. It is in the ledger before this answers, and one that cannot be logged is refused.
 * Never throws.
 */
export async function judged<T>(
  kind: CodecCall['kind'],
  asked: CodecAsked,
  parts: CodecParts,
  answer: (call: Judged) => Promise<{ readonly answer: T; readonly kept?: ReadonlyMap<FailureCode, number> }>,
): Promise<CodecAnswered<T>> {
  const known: KnownCall = { who: null, namespace: null, payloads: 0, passed: 0, keys: [] }
  let token: string | undefined
  const refused = (error: unknown): CodecAnswered<T> => ({ ok: false, failure: failureFor(error, token, parts) })
  const act = async (): Promise<CodecAnswered<T>> => {
    checkOrigin(asked.origin, parts.payloads)
    token = bearerOf(asked.authorization)
    const bearer = await whoBears(token, known, parts)
    const json = () => jsonOf(asked)
    const namespace = (optional?: 'optional') => {
      const named = asked.namespaces.some((name) => name !== undefined && name !== '')
      known.namespace = named || optional === undefined ? namespaceOf(asked.namespaces) : null
      return known.namespace
    }
    const call = { bearer, known, json, namespace: namespace as Judged['namespace'] }
    const { answer: given, kept = new Map() } = await answer(call)
    return { ok: true, answer: given, kept }
  }
  const answered = await act().catch(refused)
  const reason = answered.ok ? null : { code: answered.failure.code, reason: answered.failure.message }
  const call = { kind, source: asked.source, origin: asked.origin ?? null, refused: reason, ...known }
  return await logCodecCall(parts.db, answered.ok ? call : { ...call, passed: 0 }).then(() => answered, refused)
}

/** Whether a page of this origin may ask. */
export const isOrigin = (origin: string, { origins }: PayloadParts): boolean => origins.includes(origin)

export function checkOrigin(origin: string | undefined, parts: PayloadParts): void {
  if (origin !== undefined && !isOrigin(origin, parts)) throw fail('origin_refused', 'pages of this origin may not ask')
}

/** The one namespace that path and header name. */
function namespaceOf(named: readonly (string | undefined)[]): string {
  const [namespace, ...more] = new Set(named.filter((name) => name !== undefined && name !== ''))
  if (namespace === undefined) throw invalidRequest('names no namespace: set the header `X-Namespace`')
  if (more.length > 0) throw invalidRequest('names one namespace in its path, and another in `X-Namespace`')
  if (namespace.length > 300 || namespace.includes('\0') || !namespace.isWellFormed()) {
    throw invalidRequest('names no namespace that there can be')
  }
  return namespace
}

/**
 * Decodes what its bearer may see. What he may not see, and what cannot be decoded, comes back as it was sent, since a page shows that and goes on; a
 * payload whose key was destroyed reads `ERASED`. No workflow is known here, so a payload that was moved to another workflow of its namespace is
 * not found: client and worker do.
 */
export const decode = (asked: CodecAsked, parts: CodecParts): Promise<CodecAnswered<readonly SentPayload[]>> =>
  judged('decode', asked, parts, async ({ bearer, known, json, namespace }) => {
    const payloads = payloadsOf(json())
    known.payloads = payloads.length
    const where = namespace()
    const facts = await keyFactsOf(parts.db, [...new Set(payloads.flatMap((payload) => keyOf(payload) ?? []))])
    const turned = await Promise.all(
      payloads.map(async (sent) => await shown(sent, where, facts, bearer, parts.payloads.dataKeys)),
    )
    known.passed = turned.filter(({ key, code }) => key !== null && code === null).length
    known.keys = usesOf(turned)
    const kept = new Map<FailureCode, number>()
    for (const { code } of turned) if (code !== null) kept.set(code, (kept.get(code) ?? 0) + 1)
    return { answer: turned.map(({ payload }) => payload), kept }
  })

/** The id of the data key that a payload names. */
const keyOf = ({ metadata }: SentPayload): string | undefined =>
  metadata == null ? undefined : keyIdOf(toBytes({ metadata }))

/** What becomes of a payload: `key` is `null` where it is not encrypted. */
interface Turned {
  readonly payload: SentPayload
  readonly key: string | null
  readonly code: FailureCode | null
}

async function shown(
  sent: SentPayload,
  namespace: string,
  known: ReadonlyMap<string, KeyFacts>,
  bearer: Bearer,
  dataKeys: DataKeys,
): Promise<Turned> {
  const payload: Payload = toBytes(sent)
  if (!isEncrypted(payload)) return { payload: sent, key: null, code: null }
  const key = keyIdOf(payload) ?? ''
  const kept = (code: FailureCode): Turned => ({ payload: sent, key, code })
  const facts = known.get(key)
  if (facts === undefined) return kept('payload_key_unknown')
  if (facts.namespace !== namespace) return kept('payload_moved')
  const why = whyNotShown(bearer, facts)
  if (why !== undefined) return kept(why.code)
  if (facts.isDestroyed) return { payload: ERASED, key, code: 'payload_erased' }
  try {
    return {
      payload: toSent(await decryptPayload(dataKeys, payload, { namespace, workflowId: null })),
      key,
      code: null,
    }
  } catch (error) {
    const code = failureOf(error)?.code
    // Keys that are away may be back when the page is loaded again.
    if (code === 'keys_unavailable') throw error
    if (code === 'payload_erased') return { payload: ERASED, key, code }
    // Whatever decrypts to no payload is damaged, too.
    return kept(code ?? 'payload_damaged')
  }
}

function usesOf(turned: readonly Turned[]): readonly KeyUse[] {
  const uses = new Map<string, KeyUse>()
  for (const { key, code } of turned) {
    if (key === null) continue
    const of = JSON.stringify([key, code])
    uses.set(of, { key, code, payloads: (uses.get(of)?.payloads ?? 0) + 1 })
  }
  return [...uses.values()]
}

/**
 * Encodes for whoever is of a workspace, as he may start a run there. The key is of no workflow, and only who asked may have it decoded, until a worker decodes one of these
 * payloads: the workflow that it is of then has the key.
 */
export const encode = (asked: CodecAsked, parts: CodecParts): Promise<CodecAnswered<readonly SentPayload[]>> =>
  judged('encode', asked, parts, async ({ bearer, known, json, namespace }) => {
    const payloads = payloadsOf(json())
    known.payloads = payloads.length
    const where = namespace()
    if (payloads.length === 0) return { answer: [] }
    const key = await parts.payloads.dataKeys.keyFor(where, null)
    const { subject, issuer } = bearer
    await holdKey(parts.db, key.keyId, { workspace: null, subject, issuer })
    known.passed = payloads.length
    known.keys = [{ key: key.keyId, payloads: payloads.length, code: null }]
    return { answer: payloads.map((payload) => toSent(encryptPayload(key, toBytes(payload)))) }
  })

/** The failure of an error, with no token in it; what is not ours is told to us and not to a stranger. */
function failureFor(thrown: unknown, token: string | undefined, { onError }: CodecParts): Failure {
  const failure = failureOf(databaseFailure(thrown))
  if (failure === undefined) {
    onError(thrown)
    return { code: 'platform_failed', message: 'the gateway failed', details: {} }
  }
  if (failure.code === 'database_unavailable' || failure.code === 'keys_unavailable') {
    onError(thrown)
    const away = failure.code === 'database_unavailable' ? 'the ledger' : 'the keys'
    return { ...failure, message: `${away} did not answer, and nothing is decoded` }
  }
  return { ...failure, message: withoutTokens(failure.message, token) }
}
