/** `npm run bench`: the same refund three ways on one server, in alternating batches. See bench/README.md. */
import { ordersFor, readPlan, runPlan } from './plan.ts'
import { openStage } from './stage.ts'
import { type OnTemporal, variantsOf } from './variants.ts'

const VARIANTS: readonly OnTemporal[] = [
  'plain',
  'plain again',
  'by hand, 0 min',
  'governed, 0 min',
  'by hand, 30 min',
  'governed, 30 min',
]

const plan = readPlan({ concurrency: '1,10,20,50,200' })
const stage = await openStage(ordersFor(plan, VARIANTS.length))
try {
  await runPlan(plan, stage, await variantsOf(stage, VARIANTS), [
    ['plain again', 'plain'],
    ['by hand, 0 min', 'plain'],
    ['governed, 0 min', 'plain'],
    ['governed, 30 min', 'plain'],
    ['governed, 0 min', 'by hand, 0 min'],
    ['governed, 30 min', 'by hand, 30 min'],
  ])
} finally {
  await stage.stop()
}
