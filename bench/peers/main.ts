/** `npm run bench:peers`: the plain job on DBOS and on Restate, in one run with ours. See bench/README.md. */
import { createRequire } from 'node:module'
import { ordersFor, readPlan, runPlan, say } from '../plan.ts'
import { openStage } from '../stage.ts'
import { type OnTemporal, variantsOf } from '../variants.ts'
import { restateBinary } from './restate-server.ts'
import { openPeers } from './variants.ts'

const OURS: readonly OnTemporal[] = ['plain', 'plain again', 'governed, 0 min']
const PEERS = ['DBOS', 'Restate, workflow', 'Restate, service']

/** What of the peers' packages cannot be found here. */
function missing(): string | undefined {
  const { resolve } = createRequire(import.meta.url)
  try {
    for (const name of ['@dbos-inc/dbos-sdk', '@restatedev/restate-sdk']) resolve(name)
    restateBinary()
    return undefined
  } catch (error) {
    return (error as Error).message.split('\n')[0]
  }
}

const plan = readPlan({ concurrency: '1,10,50' })
const lacking = missing()
if (lacking !== undefined) {
  say(
    `The peers are not installed (${lacking}).\nInstall them, in a folder of their own, with: npm --prefix bench/peers ci`,
  )
  process.exit(2)
}

const stage = await openStage(ordersFor(plan, OURS.length + PEERS.length))
try {
  const peers = await openPeers(stage)
  try {
    const ours = await variantsOf(stage, OURS)
    const pairs = [...OURS, ...PEERS].filter((name) => name !== 'plain').map((name) => [name, 'plain'] as const)
    await runPlan(plan, stage, [...ours, ...peers.variants], pairs)
    say('\nDBOS keeps its state in PostgreSQL: its `database` holds what is `server` for the others.')
  } finally {
    await peers.stop()
  }
} finally {
  await stage.stop()
}
