import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js'
import { bundleForReplay, differenceText, replayHistory } from 'countersign/worker'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const bundle = await bundleForReplay(join(import.meta.dirname, 'workflows.ts'))
for (const file of process.argv.slice(2)) {
  const history = historyFromJSON(JSON.parse(await readFile(file, 'utf8')))
  const { differences } = await replayHistory(bundle, history)
  for (const difference of differences) console.log(`${file}: ${differenceText(difference)}`)
  if (differences.length > 0) process.exitCode = 1
}
