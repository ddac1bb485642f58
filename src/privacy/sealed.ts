import { z } from 'zod'
import { codeOf, fail } from '../contract/failures.ts'
import type { Json } from '../contract/json.ts'
import { decrypt, encrypt } from './cipher.ts'
import { ERASED } from './codec.ts'
import { liveKeyOf } from '../ledger/data-keys.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import type { DataKey, DataKeys } from './data-keys.ts'

/** A value of a column as it is stored encrypted, or blanked once it was erased. */
const sealedSchema = z.strictObject({ sealed: z.string(), key: z.string() })
export type Sealed = z.output<typeof sealedSchema>

/** Of which workflow a value is. */
export interface WorkflowPlace {
  readonly namespace: string
  readonly workflowId: string
}

const boundTo = ({ namespace, workflowId }: WorkflowPlace, keyId: string): Json => ({
  kind: 'column',
  v: 1,
  namespace,
  workflowId,
  keyId,
})

/** Whether a value of a column is encrypted. */
export const isSealed = (value: unknown): value is Sealed => sealedSchema.safeParse(value).success

/** Encrypts a value for a column, with the key of the workflow that it is of. */
export async function seal(keys: DataKeys, workflow: WorkflowPlace, value: Json): Promise<Json> {
  return (await sealerOf(keys, workflow)).seal(value)
}

/**
 * Reads a value of a column: what is not sealed is passed on. Fails with `payload_moved` where it was sealed for another workflow than `workflow`, with
 * `payload_damaged`, and as `keyById` does.
 */
export async function open(keys: DataKeys, value: Json, workflow?: { readonly workflowId: string }): Promise<Json> {
  const parsed = sealedSchema.safeParse(value)
  if (!parsed.success) return value
  const { sealed, key: keyId } = parsed.data
  const found = await keys.keyById(keyId)
  const { namespace, workflowId } = found
  if (workflowId === null || (workflow !== undefined && workflow.workflowId !== workflowId)) {
    throw fail('payload_moved', 'it was sealed for another workflow')
  }
  const plain = decrypt(found.key, Buffer.from(sealed, 'base64'), boundTo({ namespace, workflowId }, keyId))
  return JSON.parse(plain.toString()) as Json
}

/** As `open`, for whoever only reads: what was erased is `{erased: true}`. */
export async function openOrErased(
  keys: DataKeys,
  value: Json,
  workflow?: { readonly workflowId: string },
): Promise<Json> {
  try {
    return await open(keys, value, workflow)
  } catch (error) {
    if (codeOf(error) === 'payload_erased') return { ...ERASED }
    throw error
  }
}

/**
 * Encrypts and decrypts the values of one workflow's columns, with a key that is at hand: a transaction must not wait for another connection
 * to the database. `null` stays `null`.
 */
export interface Sealer {
  readonly seal: (value: Json) => Json
  /** Fails as `open` does. */
  readonly open: (value: Json) => Json
}

/** Without keys: nothing is encrypted, and what is fails with `keys_unavailable`. */
export const PLAIN: Sealer = {
  seal: (value) => value,
  open(value) {
    if (!isSealed(value)) return value
    throw fail('keys_unavailable', 'the ledger has this encrypted, and this process has no master keys')
  },
}

/** The sealer of a workflow. */
export async function sealerOf(keys: DataKeys | undefined, workflow: WorkflowPlace): Promise<Sealer> {
  if (keys === undefined) return PLAIN
  return sealerWith(await keys.keyFor(workflow.namespace, workflow.workflowId), workflow)
}

/** As `sealerOf`, and makes no key: what is of a workflow that has none, since nothing of it was encrypted or it was erased, stays in the clear. */
export async function sealerWhereKeyed(
  db: LedgerDatabase,
  keys: DataKeys | undefined,
  workflow: WorkflowPlace,
): Promise<Sealer> {
  const live = keys && (await liveKeyOf(db, workflow.namespace, workflow.workflowId))
  if (keys === undefined || live === undefined) return PLAIN
  return sealerWith(await keys.keyById(live.keyId), workflow)
}

function sealerWith({ key, keyId }: DataKey, workflow: WorkflowPlace): Sealer {
  return {
    seal(value) {
      if (value === null) return null
      const sealed = encrypt(key, Buffer.from(JSON.stringify(value)), boundTo(workflow, keyId))
      return { sealed: sealed.toString('base64'), key: keyId }
    },
    open(value) {
      const parsed = sealedSchema.safeParse(value)
      if (!parsed.success) return value
      // A workflow has one live key of its own: what another one sealed is of before it was destroyed, or of another workflow.
      if (parsed.data.key !== keyId)
        throw fail('payload_erased', 'the key that sealed this column is not in force any more')
      return JSON.parse(
        decrypt(key, Buffer.from(parsed.data.sealed, 'base64'), boundTo(workflow, keyId)).toString(),
      ) as Json
    },
  }
}
