import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { closedRefund, withoutWindow } from '../../privacy/erasing.ts'
import { testMasterKeys } from '../../privacy/keys.ts'
import { useChangedPolicies } from '../../support/own-policies.ts'
import type { World } from '../../support/world.ts'
import { bytesOf, LogOf, newSealKey, signerWith } from './log-of.ts'
import { runKeyIn, sealLive, storedOf } from './runs.ts'

const plain = useChangedPolicies(withoutWindow)
const encrypted = useChangedPolicies(withoutWindow, { masterKeys: testMasterKeys() })

/** `vitest run --config vitest.record.config.ts test/audit/seal`: bundles of this version, which every later one has to verify. Run once a version. */
test('bundles are recorded', async () => {
  const { version } = (await import('../../../package.json', { with: { type: 'json' } })).default
  const folder = join(import.meta.dirname, 'bundles', version)
  const [key, witness] = [newSealKey(), newSealKey()]
  const sealed = async (world: World) => {
    const runKey = await runKeyIn(world, (await closedRefund(world)).run)
    return await sealLive(world, runKey, await storedOf(world, runKey), await signerWith(key))
  }
  const runs = [await sealed(plain()), await sealed(encrypted())]
  const log = LogOf.of(runs, key)
  mkdirSync(folder, { recursive: true })
  for (const [index, name] of ['approved', 'encrypted'].entries()) {
    const run = runs[index]
    if (run !== undefined) writeFileSync(join(folder, `${name}.json`), bytesOf(await log.bundle(run, index, witness)))
  }
  const pem = { type: 'spki', format: 'pem' } as const
  writeFileSync(join(folder, 'seal-key.pem.pub'), key.publicKey.export(pem))
  writeFileSync(join(folder, 'witness-key.pem.pub'), witness.publicKey.export(pem))
  writeFileSync(join(folder, 'checkpoint'), await log.note())
  expect(runs.map(({ record }) => record.state)).toEqual(['completed', 'completed'])
})
