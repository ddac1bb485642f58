import { z } from 'zod'
import { codeOf, fail } from '../contract/failures.ts'
import type { Json } from '../contract/json.ts'
import { decrypt, encrypt } from './cipher.ts'
import { ERASED } from './codec.ts'
import type { DataKeys } from './data-keys.ts'

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
export async function seal(keys: DataKeys, workflow: WorkflowPlace, value: Json): Promise<Sealed> {
  const { key, keyId } = await keys.keyFor(workflow.namespace, workflow.workflowId)
  const sealed = encrypt(key, Buffer.from(JSON.stringify(value)), boundTo(workflow, keyId))
  return { sealed: sealed.toString('base64'), key: keyId }
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
