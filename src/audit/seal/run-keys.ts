import { createSecretKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { canonicalJson } from '../../contract/digest.ts'
import type { RunKey } from '../../contract/evidence.ts'
import { codeOf, fail } from '../../contract/failures.ts'
import { firstIssue } from '../../contract/issue.ts'
import { keyIdOf } from '../../privacy/codec.ts'
import type { DataKey, DataKeys } from '../../privacy/data-keys.ts'
import type { SealedRun } from './bundle.ts'
import { sealKeyId } from './dsse.ts'
import { bytesIn } from './note.ts'
import { historyIn, opened, payloadsIn, type Reading, readingOf } from './opened.ts'
import { readBy, writtenFor } from './recipient.ts'

const KIND = 'countersign.data-keys'

const schema = z.strictObject({
  v: z.literal(1),
  kind: z.literal(KIND),
  runKey: z.string(),
  keys: z.array(
    z.strictObject({
      keyId: z.string(),
      namespace: z.string(),
      workflowId: z.string(),
      key: z.string().refine((text) => bytesIn(text)?.length === 32, 'must be 32 bytes in base64'),
    }),
  ),
})

/** The data keys of a sealed run, for whoever may read it. */
export interface RunKeys {
  readonly runKey: RunKey
  readonly keys: readonly DataKey[]
}

/** The ids of the data keys that something in a run is encrypted with, also what is kept beside its histories. */
export async function keyIdsIn(run: SealedRun): Promise<readonly string[]> {
  const reading: Reading = { ...readingOf(run), isErased: () => false }
  const full = await Promise.all(run.histories.map(({ history }) => opened(historyIn(history), reading)))
  return [...new Set(full.flatMap(payloadsIn).flatMap((payload) => keyIdOf(payload) ?? []))].toSorted()
}

/**
 * The keys of a run that still stand, and how many were destroyed. Anybody can send a payload that names the key of another run: that one
 * is not handed out.
 */
export async function keysOfRun(
  dataKeys: DataKeys,
  run: SealedRun,
): Promise<{ readonly keys: readonly DataKey[]; readonly erased: readonly string[] }> {
  const { namespace, workflowId } = run.record
  const keys: DataKey[] = []
  const erased: string[] = []
  for (const keyId of await keyIdsIn(run)) {
    try {
      const key = await dataKeys.keyById(keyId)
      if (key.namespace === namespace && key.workflowId === workflowId) keys.push(key)
    } catch (error) {
      const code = codeOf(error)
      if (code === 'payload_erased') erased.push(keyId)
      else if (code !== 'payload_key_unknown') throw error
    }
  }
  return { keys, erased }
}

/** Writes the keys of a run for one reader, and for nobody else. */
export function runKeysFor(reader: KeyObject, { runKey, keys }: RunKeys): Promise<string> {
  const said = keys.map(({ key, ...rest }) => ({ ...rest, key: key.export().toString('base64') }))
  return writtenFor(reader, sealKeyId(reader), canonicalJson({ v: 1, kind: KIND, runKey, keys: said }))
}

/** Reads what `runKeysFor` wrote. Throws where it was for another reader, or is something else. */
export async function runKeysBy(privateKey: KeyObject, written: string): Promise<RunKeys> {
  const text = await readBy(privateKey, written)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new TypeError('it holds no data keys: it is not JSON')
  }
  const parsed = schema.safeParse(json)
  if (!parsed.success) throw new TypeError(`it holds no data keys: ${firstIssue(parsed.error)}`)
  const { runKey, keys } = parsed.data
  return {
    runKey: runKey as RunKey,
    keys: keys.map(({ key, ...rest }) => ({ ...rest, key: createSecretKey(Buffer.from(key, 'base64')) })),
  }
}

const notHere = (): never => {
  throw new TypeError('keys that were given only read')
}

/** These keys and no other: they only read. */
export function givenKeys(keys: readonly DataKey[]): DataKeys {
  const known = new Map(keys.map((key) => [key.keyId, key]))
  return {
    keyById: async (keyId) => {
      const key = known.get(keyId)
      if (key === undefined) throw fail('payload_key_unknown', `the data key \`${keyId}\` was not given`)
      return key
    },
    keyFor: notHere,
    adopt: notHere,
    hiddenName: notHere,
  }
}
