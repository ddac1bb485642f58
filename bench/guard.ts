/** `npm run bench:guard`: what guard, ledger and stops cost together. See bench/README.md. */
import { join } from 'node:path'
import { ordersFor, readPlan, runPlan } from './plan.ts'
import { openStage } from './stage.ts'
import { governedOn } from './variants.ts'

const VARIANTS = 3

const plan = readPlan({ concurrency: '1,20' })
const stage = await openStage(ordersFor(plan, VARIANTS))
try {
  const governed = async (name: string, preload?: readonly string[]) =>
    governedOn(stage, await stage.worker({ kind: 'governed', window: 0 }, preload), name, 0)
  await runPlan(
    plan,
    stage,
    await Promise.all([
      governed('governed'),
      governed('governed again'),
      governed('without guard and ledger', [join(import.meta.dirname, 'without', 'swaps.ts')]),
    ]),
    [
      ['governed again', 'governed'],
      ['governed', 'without guard and ledger'],
    ],
  )
} finally {
  await stage.stop()
}
