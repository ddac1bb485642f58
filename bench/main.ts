/**
 * `npm run bench`: the same refund three ways on one server, in alternating batches. See bench/README.md.
 *
 *   --rounds <n>          batches of each variant and concurrency; default 5
 *   --concurrency <list>  default 1,10,20,50,200
 *   --quick               one small round: tells whether it runs, measures nothing
 *   --json <file>         writes every batch there
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Batch, runBatch } from './batch.ts'
import { openStage } from './stage.ts'
import { summary } from './summary.ts'
import { variantsOf } from './variants.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    concurrency: { type: 'string', default: '1,10,20,50,200' },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
})

const say = (line: string): void => void process.stdout.write(`${line}\n`)

if (process.platform !== 'linux') {
  say('CPU times are read from /proc: run the benchmark on Linux.')
  process.exit(2)
}

const rounds = values.quick ? 1 : Number(values.rounds)
const concurrencies = values.quick ? [1, 10] : values.concurrency.split(',').map(Number)
/** Enough for some seconds each on two cores. */
const runsAt = (concurrency: number): number => (values.quick ? 4 : Math.max(30, Math.min(300, 4 * concurrency)))

const VARIANTS = 6
const WARM_UP = 20
const orders = VARIANTS * (WARM_UP + concurrencies.reduce((sum, at) => sum + rounds * runsAt(at), 0))
const stage = await openStage(orders)
const batches: { readonly variant: string; readonly concurrency: number; readonly batch: Batch }[] = []
try {
  const variants = variantsOf(stage)
  let number = 0
  const next = () => ++number
  for (const variant of variants) await runBatch(stage, variant, { runs: WARM_UP, concurrency: 5, next })
  for (const concurrency of concurrencies) {
    for (let round = 0; round < rounds; round++) {
      // Each round begins with another variant, so that none always follows the same one.
      const order = variants.map((_, at) => variants[(at + round) % variants.length])
      for (const variant of order) {
        if (variant === undefined) continue
        const batch = await runBatch(stage, variant, { runs: runsAt(concurrency), concurrency, next })
        batches.push({ variant: variant.name, concurrency, batch })
      }
    }
    say(
      summary(
        batches.filter((each) => each.concurrency === concurrency),
        concurrency,
      ),
    )
  }
} finally {
  await stage.stop()
}
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(batches))
