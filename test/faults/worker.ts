/** One worker of the suite, as a process of its own. It gets ready, says `prepared`, and polls when it is told to. */
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker'
import { sampleThoughts } from '../../activities/index.ts'
import { hostKeyFile } from '../../src/identity/host-key.ts'
import { developmentIssuer } from '../../src/identity/statements.ts'
import { openDatabase } from '../../src/ledger/database.ts'
import { createThinker } from '../../src/tools/models/thinker.ts'
import type { PlaybookBundle } from '../../src/worker/bundle.ts'
import { PlaybookWorker } from '../../src/worker/playbook-worker.ts'
import { readPlaybooks } from '../../src/worker/registry.ts'
import { createWorker } from '../../src/worker/worker.ts'
import { modelAt } from './project/model.ts'
import { toolsAt } from './project/tools.ts'
import type { WorkerParts } from './worker-process.ts'

const parts = JSON.parse(process.argv[2] ?? '') as WorkerParts

Runtime.install({
  logger: new DefaultLogger('ERROR', ({ message, meta }) => {
    const { workflowId, error } = (meta ?? {}) as Readonly<Record<string, unknown>>
    process.stderr.write(`${message} ${String(workflowId)} ${error instanceof Error ? error.message : ''}\n`)
  }),
  shutdownSignals: [],
})

// The SDK has the server wait ten seconds for a worker that is gone; nothing in our own settings changes that.
const create = PlaybookWorker.create.bind(PlaybookWorker)
PlaybookWorker.create = (options) => create({ ...options, stickyQueueScheduleToStartTimeout: '1s' })

const connection = await NativeConnection.connect({ address: parts.temporal })
const db = openDatabase(parts.database, () => {}, { max: parts.connections })
const bundle = JSON.parse(readFileSync(parts.bundle, 'utf8')) as PlaybookBundle['bundle']
const worker = await createWorker({
  connection,
  taskQueue: parts.taskQueue,
  workflows: { bundle, buildId: parts.buildId, playbooks: await readPlaybooks(parts.workflows) },
  tools: toolsAt(parts.provider),
  thinker: modelAt(parts.provider, createThinker({ deterministic: sampleThoughts, env: {} })),
  policies: parts.policies,
  db,
  key: hostKeyFile(parts.keyFile),
  development: developmentIssuer(dirname(parts.keyFile)),
  shutdownGraceMs: 1_000,
})
const told = new Promise<void>((resolve) => process.once('message', () => resolve()))
// The end of the suite ends its workers.
process.once('disconnect', () => process.exit(0))
process.send?.('prepared')
await told
const running = worker.run()
process.send?.('ready')
process.once('message', () => worker.shutdown())
await running
await db.destroy()
await connection.close()
process.exit(0)
