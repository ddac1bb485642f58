import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js'
import { Worker } from '@temporalio/worker'
import { bundlePlaybooks } from 'countersign/worker'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const { bundle } = await bundlePlaybooks(join(import.meta.dirname, 'workflows.ts'))
for (const file of process.argv.slice(2)) {
  const history = historyFromJSON(JSON.parse(await readFile(file, 'utf8')))
  await Worker.runReplayHistory({ workflowBundle: bundle }, history)
}
