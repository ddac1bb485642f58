import { expect, test } from 'vitest'
import { sealOf } from '../../../src/audit/seal/seal-run.ts'
import { historyIn, payloadsIn } from '../../../src/audit/seal/opened.ts'
import { historyBytes } from '../../../src/audit/record/history-bytes.ts'
import { NO_KEYS } from '../../../src/audit/record/keys.ts'
import { verifyBundle } from '../../../src/audit/verify/verify.ts'
import { isEncrypted } from '../../../src/privacy/codec.ts'
import { readPlaybooks } from '../../../src/worker/registry.ts'
import { SHIPPED_WORKFLOWS } from '../../support/world.ts'
import { against, bytesOf, LogOf, newSealKey, signerWith } from './log-of.ts'
import { committedHistories } from './runs.ts'

const [key, witness] = [newSealKey(), newSealKey()]
const KEY_ID = 'key-of-the-run'

/** Every payload but the kernel's bookkeeping is encrypted, as far as anybody without the key can tell. */
function encrypted() {
  const history = committedHistories().find(({ events }) => (events?.length ?? 0) > 40)
  const copy = historyIn(Buffer.from(historyBytes(history ?? {})).toString('base64'))
  for (const event of copy.events ?? []) {
    if (event.upsertWorkflowSearchAttributesEventAttributes) continue
    const names = event.markerRecordedEventAttributes?.details?.['data']?.payloads ?? []
    for (const payload of payloadsIn(event)) {
      if (names.includes(payload)) continue
      payload.data = Buffer.from(payload.data ?? []).map((byte) => byte ^ 0x5a)
      payload.metadata = {
        encoding: Buffer.from('binary/countersign-encrypted'),
        'countersign-key': Buffer.from(KEY_ID),
      }
    }
  }
  expect(payloadsIn(copy).filter(isEncrypted).length).toBeGreaterThan(20)
  return copy
}

const policyText = 'workflow: refund_request\n'

async function verified(erased: readonly string[]) {
  const gathered = {
    namespace: 'default',
    stored: [encrypted()],
    erased,
    blobs: {},
    keys: NO_KEYS,
    policyOf: async () => policyText,
  }
  const run = await sealOf(gathered, await signerWith(key), null)
  const log = LogOf.of([run], key)
  const by = { ...against(key, witness, await log.checkpoint()), contracts: await readPlaybooks(SHIPPED_WORKFLOWS) }
  const bytes = bytesOf(await log.bundle(run, 0, witness))
  return { run, bytes, by, told: await verifyBundle(bytes, by) }
}

test.each([
  ['sealed', []],
  ['erased', [KEY_ID]],
] as const)('a run that is %s holds: what can be read is in order, and what cannot is said', async (veil, erased) => {
  const { run, told } = await verified(erased)
  expect(told.isGood).toBe(true)
  const verdicts = Object.fromEntries(told.verdicts.map(({ check, verdict }) => [check, verdict]))
  expect(verdicts).toMatchObject({
    envelope: 'ok',
    members: 'ok',
    tree: 'ok',
    record: 'ok',
    receipts: veil,
    statements: veil,
  })
  expect(new Set(run.record.entries.map(({ proof }) => proof))).toContain(veil)
  expect(JSON.stringify(run.record)).not.toContain('ben@acme.example')
  expect(run.statements).toEqual([])
})

test('that something was erased cannot be said of a run afterwards', async () => {
  const { bytes, by } = await verified([])
  const forged = bytes.toString().replace('"erased":[]', `"erased":["${KEY_ID}"]`)
  const { isGood, verdicts } = await verifyBundle(Buffer.from(forged), by)
  expect(isGood).toBe(false)
  const failed = verdicts.filter(({ verdict }) => verdict === 'failed')
  expect(failed.map(({ check }) => check)).toEqual(['members', 'record'])
  expect(failed[0]?.where).toEqual(['member erased'])
})
