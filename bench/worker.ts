/** One worker of the benchmark, as a process of its own: `bare` (plain and by hand) or `governed`. */
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sampleThoughts, sampleTools } from '../activities/index.ts'
import { deploymentOf } from '../src/contract/version.ts'
import { hostKeyOf, newHostKey } from '../src/identity/host-key.ts'
import { developmentIssuer } from '../src/identity/statements.ts'
import { openDatabase } from '../src/ledger/database.ts'
import { masterKeysFile } from '../src/privacy/master-keys.ts'
import { createThinker } from '../src/tools/models/thinker.ts'
import { bundlePlaybooks, type PlaybookBundle } from '../src/worker/bundle.ts'
import { makeCurrent } from '../src/worker/deployment.ts'
import { DEFAULT_COMPRESSION } from '../src/worker/tuning.ts'
import { createWorker } from '../src/worker/worker.ts'
import { byHandActivities, plainActivities } from './activities.ts'
import { type Ready, type Waiting, WAITING } from './case.ts'

const { values } = parseArgs({
  options: {
    kind: { type: 'string', default: '' },
    address: { type: 'string', default: '' },
    database: { type: 'string', default: '' },
    queue: { type: 'string', default: '' },
    policies: { type: 'string', default: '' },
    issuer: { type: 'string', default: '' },
    'master-keys': { type: 'string', default: '' },
  },
})

Runtime.install({
  logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
    if (message === WAITING) {
      const waiting: Waiting = {
        workflowId: String(meta?.['workflowId']),
        step: String(meta?.['step']),
        digest: meta?.['digest'] as Waiting['digest'],
      }
      process.send?.(waiting)
    } else if (level === 'ERROR')
      process.stderr.write(`${message}: ${String((meta?.['error'] as Error | undefined)?.stack)}\n`)
  }),
})

const root = join(import.meta.dirname, '..')
const connection = await NativeConnection.connect({
  address: values.address,
  // Each with its own defaults: of `countersign worker`, and of the SDK.
  ...(values.kind === 'governed' && { grpcCompression: DEFAULT_COMPRESSION }),
})
const db = openDatabase(values.database, () => {})
const taskQueue = values.queue

/** The playbooks, as the current version of a deployment of this queue's name. */
async function playbooks(): Promise<PlaybookBundle> {
  const bundle = await bundlePlaybooks(join(root, 'bench', 'workflows', 'governed.ts'))
  await makeCurrent(connection, 'default', { deployment: deploymentOf(taskQueue), buildId: bundle.buildId })
  return bundle
}

const worker =
  values.kind === 'governed'
    ? await createWorker({
        connection,
        taskQueue,
        workflows: await playbooks(),
        tools: sampleTools,
        thinker: createThinker({ deterministic: sampleThoughts, env: {} }),
        policies: values.policies,
        db,
        key: hostKeyOf(newHostKey()),
        development: developmentIssuer(values.issuer),
        ...(values['master-keys'] !== '' && { masterKeys: masterKeysFile(values['master-keys']) }),
      })
    : await Worker.create({
        connection,
        taskQueue,
        workflowsPath: join(root, 'bench', 'workflows', 'bare.ts'),
        activities: { ...plainActivities(db), ...byHandActivities(db) },
      })
// The end of the driver ends its workers.
process.once('disconnect', () => {
  if (worker.getState() === 'RUNNING') worker.shutdown()
})
const ready: Ready = { ready: true, maxCachedWorkflows: worker.options.maxCachedWorkflows }
process.send?.(ready)
await worker.run()
await db.destroy()
await connection.close()
