import { randomBytes, randomUUID } from 'node:crypto'
import { z } from 'zod'
import { fail } from '../contract/failures.ts'
import { firstIssue } from '../contract/issue.ts'
import { liveKeyOf } from '../ledger/data-keys.ts'
import { addHeldKey, holdKey, type KeyFacts, keyFactsOf, startersOf } from '../ledger/key-holders.ts'
import { boundOf, type DataKey } from '../privacy/data-keys.ts'
import type { Bearer } from './bearer.ts'
import { type CodecAnswered, type CodecAsked, type CodecParts, judged, type Judged } from './codec.ts'
import { invalidRequest } from './payload-json.ts'
import { whyNotHanded } from './payload-rights.ts'

const text = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .refine((it) => it.isWellFormed() && !it.includes('\0'), 'must be well-formed text')

const keyRequest = z.union([
  z.strictObject({ keyId: text(100) }),
  z.strictObject({
    /** `null`: for a payload of which it is not known yet of which workflow it is. */
    workflowId: text(1_000).nullable(),
    workspace: text(200).optional(),
  }),
])
type KeyRequest = z.output<typeof keyRequest>

/** A data key as it is handed to a client without a database. A secret. */
export interface HandedKey {
  readonly keyId: string
  readonly namespace: string
  readonly workflowId: string | null
  /** Base64. */
  readonly key: string
}

/**
 * Hands a data key to a client without a database: of a workflow id that nobody has used, which it then may start; of one whose runs its bearer started,
 * or may read. Fails with `workspace_refused`, `scope_missing`, `payload_key_unknown`, `payload_erased`, `keys_unavailable`.
 */
export const handKey = (asked: CodecAsked, parts: CodecParts): Promise<CodecAnswered<HandedKey>> =>
  judged('data_key', asked, parts, async ({ bearer, known, json, namespace }) => {
    const wanted = requestOf(json())
    const key = await found(wanted, namespace, bearer, parts)
    known.passed = 1
    known.keys = [{ key: key.keyId, payloads: 0, code: null }]
    const bytes = key.key.export()
    return {
      answer: {
        keyId: key.keyId,
        namespace: key.namespace,
        workflowId: key.workflowId,
        key: bytes.toString('base64'),
      },
    }
  })

function requestOf(json: unknown): KeyRequest {
  const parsed = keyRequest.safeParse(json)
  if (parsed.success) return parsed.data
  throw invalidRequest(`asks for no key in the form of docs/privacy.md: ${firstIssue(parsed.error)}`)
}

async function found(
  wanted: KeyRequest,
  namespaceOf: Judged['namespace'],
  bearer: Bearer,
  parts: CodecParts,
): Promise<DataKey> {
  const { db, payloads } = parts
  // An id says which namespace it is of; who names one must have it right.
  if ('keyId' in wanted) return await handed(wanted.keyId, namespaceOf('optional'), bearer, parts)
  const namespace = namespaceOf()
  const { workflowId } = wanted
  const workspace = workspaceOf(bearer, wanted.workspace)
  const { subject, issuer } = bearer
  if (workflowId === null) {
    const key = await payloads.dataKeys.keyFor(namespace, null)
    await holdKey(db, key.keyId, { workspace: null, subject, issuer })
    return key
  }
  const live = await liveKeyOf(db, namespace, workflowId)
  if (live !== undefined) return await handed(live.keyId, namespace, bearer, parts)
  const runs = await startersOf(db, workflowId)
  if (runs.length > 0) check(bearer, { runs, holder: null })
  const keyId = randomUUID()
  const bound = boundOf({ kind: 'run', namespace, workflowId })
  const { masterKeyId, bytes: wrapped } = await payloads.masterKeys.wrap(randomBytes(32), bound)
  const made = { keyId, namespace, workflowId, kind: 'run', masterKeyId, wrapped } as const
  if (await addHeldKey(db, made, { workspace, subject, issuer })) return await payloads.dataKeys.keyById(keyId)
  // Somebody else was faster, and it may be his.
  const other = await liveKeyOf(db, namespace, workflowId)
  if (other === undefined) throw fail('keys_unavailable', 'the data key of this workflow is just being destroyed')
  return await handed(other.keyId, namespace, bearer, parts)
}

/** The workspace that is meant: the only one where none is named. */
function workspaceOf({ workspaces, subject }: Bearer, named: string | undefined): string {
  const [only, ...more] = workspaces
  if (named === undefined && only !== undefined && more.length === 0) return only
  if (named !== undefined && workspaces.includes(named)) return named
  throw fail(
    'workspace_refused',
    named === undefined
      ? `the token of ${subject} is of several workspaces, and the request names none`
      : `the token of ${subject} is not of the workspace that the request names`,
  )
}

async function handed(
  keyId: string,
  namespace: string | null,
  bearer: Bearer,
  { db, payloads }: CodecParts,
): Promise<DataKey> {
  const facts = (await keyFactsOf(db, [keyId])).get(keyId)
  if (facts === undefined) throw fail('payload_key_unknown', 'there is no such data key')
  if (facts.namespace !== (namespace ?? facts.namespace))
    throw fail('payload_moved', 'the data key is of another namespace')
  check(bearer, facts)
  return await payloads.dataKeys.keyById(keyId)
}

function check(bearer: Bearer, facts: Pick<KeyFacts, 'runs' | 'holder'>): void {
  const why = whyNotHanded(bearer, facts)
  if (why !== undefined) throw fail(why.code, why.message)
}
