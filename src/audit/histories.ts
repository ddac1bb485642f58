import type { Client } from '@temporalio/client'
import type { PayloadCodec } from '@temporalio/common'
import type { RunKey } from '../contract/evidence.ts'
import { visibilityText } from '../contract/visibility.ts'
import { inFull } from './in-full.ts'
import { type Told, toldBy } from './told.ts'

/** Where histories are, and how what is kept beside them, or encrypted, is read: `historyCodec`. */
export interface Histories {
  readonly client: Client
  readonly codec: PayloadCodec
}

/** gRPC's status. */
const NOT_FOUND = 5

/**
 * What Temporal's histories say of a run: of its first execution, of the newest of its workflow id, of all that these come from,
 * and of those that visibility knows besides. Empty when Temporal has none of them. Only what they say is kept, not the
 * histories themselves.
 */
export async function historiesOf({ client, codec }: Histories, runKey: RunKey): Promise<readonly Told[]> {
  const at = runKey.lastIndexOf('/')
  const workflowId = runKey.slice(0, at)
  const told = new Map<string, Told>()
  const asked = new Set<string>()
  const queue: string[] = ['', runKey.slice(at + 1), ...(await listed(client, workflowId))]
  for (let runId = queue.shift(); runId !== undefined; runId = queue.shift()) {
    if (asked.has(runId) || told.has(runId)) continue
    asked.add(runId)
    const one = await historyOf({ client, codec }, workflowId, runId)
    if (one === undefined || one.runKey !== runKey) continue
    told.set(one.runId, one)
    queue.push(...one.comesFrom)
  }
  return [...told.values()]
}

/** What the history of an execution says, the newest where no run id is given; `undefined`: Temporal does not have it. */
export async function historyOf(
  { client, codec }: Histories,
  workflowId: string,
  runId: string,
): Promise<Told | undefined> {
  try {
    const handle = client.workflow.getHandle(workflowId, runId === '' ? undefined : runId)
    return toldBy(await inFull(await handle.fetchHistory(), codec))
  } catch (error) {
    if ((error as { code?: unknown }).code === NOT_FOUND) return undefined
    throw error
  }
}

async function listed(client: Client, workflowId: string): Promise<readonly string[]> {
  const id = visibilityText(workflowId)
  if (id === undefined) return []
  const runIds: string[] = []
  for await (const { runId } of client.workflow.list({ query: `WorkflowId = ${id}` })) runIds.push(runId)
  return runIds
}
