import { codeOf } from '../../contract/failures.ts'
import { decryptPayload, isEncrypted, keyIdOf } from '../../privacy/codec.ts'
import type { DataKey } from '../../privacy/data-keys.ts'
import type { SealedBundle } from '../seal/bundle.ts'
import { opened, payloadsIn, readingOf } from '../seal/opened.ts'
import { givenKeys } from '../seal/run-keys.ts'
import type { Derived } from './check-record.ts'
import { failed, ok, readable, skipped, type Veiled, type Verdict } from './verdict.ts'

/**
 * What of the run could be read. A data key proves itself: what it decrypts was encrypted with it, for this workflow. One that opens nothing of
 * all that names it is another one.
 */
export async function checkReading(
  bundle: SealedBundle,
  read: readonly Derived[] | string,
  given: readonly DataKey[] | undefined,
): Promise<Verdict> {
  if (typeof read === 'string') return skipped('reading', 'a history cannot be read')
  const veiled = read.flatMap(({ runId, stored, opened: full }): readonly Veiled[] => {
    const where = `history ${runId}`
    const isGone = payloadsIn(stored).some((payload) => bundle.erased.includes(keyIdOf(payload) ?? ''))
    if (isGone) return [{ where, veil: 'erased' }]
    return payloadsIn(full).some(isEncrypted) ? [{ where, veil: 'sealed' }] : []
  })
  if (given === undefined) return readable('reading', 'what is not encrypted can be read', veiled)
  const { namespace, workflowId } = bundle.record
  const where = given
    .filter((key) => key.namespace !== namespace || key.workflowId !== workflowId)
    .map(({ keyId }) => `data key ${keyId}: of another workflow`)
  const { decrypted, wrong } = await triedOut(bundle, read, given)
  where.push(...wrong.map((keyId) => `data key ${keyId}: it opens nothing of what names it`))
  if (where.length > 0) return failed('reading', 'the data keys that were given are not those of the run', where)
  if (veiled.length === 0) return ok('reading', `${decrypted} payloads decrypted with ${given.length} keys`)
  return readable('reading', `${decrypted} payloads decrypted with ${given.length} keys`, veiled)
}

/** How many payloads the keys open, and which keys open none of those that name them. */
async function triedOut(
  bundle: SealedBundle,
  read: readonly Derived[],
  given: readonly DataKey[],
): Promise<{ readonly decrypted: number; readonly wrong: readonly string[] }> {
  const keys = givenKeys(given)
  const { namespace, workflowId } = bundle.record
  const opens = new Map<string, number>()
  for (const { stored } of read) {
    for (const payload of payloadsIn(await opened(stored, readingOf(bundle)))) {
      const keyId = keyIdOf(payload)
      if (keyId === undefined || !given.some((one) => one.keyId === keyId)) continue
      const isOpen = await decryptPayload(keys, payload, { namespace, workflowId }, { adopts: false }).then(
        () => true,
        (error: unknown) => {
          // Anybody can send what looks as if it were encrypted with a key of the run.
          if (codeOf(error)?.startsWith('payload_') !== true) throw error
          return false
        },
      )
      opens.set(keyId, (opens.get(keyId) ?? 0) + (isOpen ? 1 : 0))
    }
  }
  return {
    decrypted: [...opens.values()].reduce((sum, count) => sum + count, 0),
    wrong: [...opens].flatMap(([keyId, count]) => (count === 0 ? [keyId] : [])),
  }
}
