/** `npm run bench:guard`: what guard, ledger and stops cost together. See bench/README.md. */
import { join } from 'node:path'
import { ordersFor, readPlan, runPlan } from './plan.ts'
import { openStage, policiesOf } from './stage.ts'
import { governedOn } from './variants.ts'
import { startWorker } from './worker-process.ts'

const VARIANTS = 3

const plan = readPlan({ concurrency: '1,20' })
const stage = await openStage(ordersFor(plan, VARIANTS))
const { address, database, workers } = stage
const without = await startWorker({ address, database, kind: 'governed', queue: 'without', policies: policiesOf(0) }, [
  join(import.meta.dirname, 'without', 'swaps.ts'),
])
try {
  const governed = (name: string) => governedOn(stage, workers.governed0, name, 0)
  await runPlan(
    plan,
    stage,
    [governed('governed'), governed('governed again'), governedOn(stage, without, 'without guard and ledger', 0)],
    [
      ['governed again', 'governed'],
      ['governed', 'without guard and ledger'],
    ],
  )
} finally {
  await without.stop()
  await stage.stop()
}
