/** `npm run bench:privacy`: what it costs to encrypt payloads, failures and the personal columns of the ledger. See bench/README.md. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ledgerDataKeys } from '../src/privacy/data-keys.ts'
import { masterKeysFile, withNewMasterKey } from '../src/privacy/master-keys.ts'
import { ordersFor, readPlan, runPlan } from './plan.ts'
import { openStage } from './stage.ts'
import { governedOn } from './variants.ts'

const VARIANTS = 3

const plan = readPlan({ concurrency: '1,20' })
const stage = await openStage(ordersFor(plan, VARIANTS))
try {
  const file = join(stage.dir, 'master-keys.json')
  writeFileSync(file, JSON.stringify(withNewMasterKey(undefined)))
  const keys = ledgerDataKeys(stage.db, masterKeysFile(file))
  const governed = async (name: string, masterKeys?: string) => {
    const worker = await stage.worker({ kind: 'governed', window: 0, masterKeys })
    return governedOn(stage, worker, name, 0, stage.clientOf(worker, masterKeys === undefined ? undefined : keys))
  }
  await runPlan(
    plan,
    stage,
    await Promise.all([governed('plain'), governed('plain again'), governed('encrypted', file)]),
    [
      ['plain again', 'plain'],
      ['encrypted', 'plain'],
    ],
  )
} finally {
  await stage.stop()
}
