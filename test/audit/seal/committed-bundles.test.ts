import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readCheckpoint } from '../../../src/audit/seal/checkpoint.ts'
import { sealKeyOf } from '../../../src/audit/seal/dsse.ts'
import { verifyBundle } from '../../../src/audit/verify/verify.ts'

const BUNDLES = join(import.meta.dirname, 'bundles')
const committed = readdirSync(BUNDLES).flatMap((version) =>
  readdirSync(join(BUNDLES, version))
    .filter((name) => name.endsWith('.json'))
    .map((name) => [version, name] as const),
)

test.each(committed)('a bundle of the version %s still verifies: %s', async (version, name) => {
  const read = (file: string): string => readFileSync(join(BUNDLES, version, file), 'utf8')
  const pinned = readCheckpoint(read('checkpoint'))
  if (pinned === undefined) throw new Error('there is no checkpoint')
  const by = {
    keys: [sealKeyOf(read('seal-key.pem.pub'))],
    witnessKeys: [sealKeyOf(read('witness-key.pem.pub'))],
    pinned,
  }
  const { isGood, verdicts } = await verifyBundle(readFileSync(join(BUNDLES, version, name)), by)
  expect(verdicts.filter(({ verdict }) => verdict === 'failed')).toEqual([])
  expect(isGood).toBe(true)
  const of = (check: string) => verdicts.find((one) => one.check === check)?.verdict
  const veil = name === 'encrypted.json' ? 'sealed' : 'ok'
  expect([of('record'), of('receipts'), of('statements')]).toEqual(['ok', veil, veil])
})
