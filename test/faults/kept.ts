import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import type { Case } from './person.ts'
import type { Stage } from './stage.ts'

/** Keeps the histories of a run that the oracle objects to, beside what it was asked for; answers with the folder. */
export async function keep(stage: Stage, { id, runIds, plan }: Case): Promise<string> {
  const folder = join(tmpdir(), 'countersign-faults-kept', id)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan, null, 2))
  for (const runId of runIds) {
    const history = await stage.temporal.workflow.getHandle(id, runId).fetchHistory()
    writeFileSync(join(folder, `${runId}.json`), historyToJSON(history))
  }
  return folder
}
