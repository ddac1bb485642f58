/** `npm run bench:privacy`: what it costs that all is encrypted. See bench/README.md. */
import { ordersFor, readPlan, runPlan } from './plan.ts'
import { openStage } from './stage.ts'
import { governedOn } from './variants.ts'

const VARIANTS = 3

const plan = readPlan({ concurrency: '1,20' })
const stage = await openStage(ordersFor(plan, VARIANTS))
try {
  const governed = async (name: string, isEncrypted: boolean) =>
    governedOn(stage, await stage.worker({ kind: 'governed', window: 0, isEncrypted }), name, 0)
  await runPlan(
    plan,
    stage,
    await Promise.all([
      governed('in the clear', false),
      governed('in the clear again', false),
      governed('encrypted', true),
    ]),
    [
      ['in the clear again', 'in the clear'],
      ['encrypted', 'in the clear'],
    ],
  )
} finally {
  await stage.stop()
}
