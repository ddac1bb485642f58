import type { Client } from '@temporalio/client'
import type { PayloadCodec } from '@temporalio/common'
import type { RunKey } from '../contract/evidence.ts'
import { visibilityText } from '../contract/visibility.ts'
import { inFull } from './in-full.ts'
import type { ExportedHistory } from './record/types.ts'
import { type Told, toldBy } from './told.ts'

/** Where histories are, and how what is kept beside them, or encrypted, is read: `historyCodec`. */
export interface Histories {
  readonly client: Client
  readonly codec: PayloadCodec
}

/** gRPC's status. */
const NOT_FOUND = 5

/** Whether Temporal does not have what it was asked for. */
export const isNotFound = (error: unknown): boolean => (error as { code?: unknown }).code === NOT_FOUND

/**
 * What Temporal's histories say of a run: of its first execution, of the newest of its workflow id, of all that these come from,
 * and of those that visibility knows besides. Empty when Temporal has none of them. Only what they say is kept, not the
 * histories themselves.
 */
export async function historiesOf(from: Histories, runKey: RunKey): Promise<readonly Told[]> {
  return await eachOf(from, runKey, ({ told }) => told)
}

/** The histories of the same executions, as Temporal has them and as they can be read. `runIds`: as for `eachOf`. */
export async function exportedHistories(
  from: Histories,
  runKey: RunKey,
  runIds?: readonly string[],
): Promise<readonly ExportedHistory[]> {
  return await eachOf(from, runKey, ({ stored, opened }) => ({ stored, opened }), runIds)
}

/** A history with what it says. */
export interface Fetched extends Required<Omit<ExportedHistory, 'digest'>> {
  readonly told: Told
}

/** What is kept of each of these executions. `runIds`: what visibility knows of the workflow id; default: it is asked. */
export async function eachOf<T>(
  from: Histories,
  runKey: RunKey,
  kept: (fetched: Fetched) => T,
  runIds?: readonly string[],
): Promise<readonly T[]> {
  const at = runKey.lastIndexOf('/')
  const workflowId = runKey.slice(0, at)
  const found = new Map<string, T>()
  const asked = new Set<string>()
  const queue: string[] = ['', runKey.slice(at + 1), ...(runIds ?? (await listed(from.client, workflowId)))]
  for (let runId = queue.shift(); runId !== undefined; runId = queue.shift()) {
    if (asked.has(runId) || found.has(runId)) continue
    asked.add(runId)
    const one = await fetched(from, workflowId, runId)
    if (one === undefined || one.told.runKey !== runKey) continue
    found.set(one.told.runId, kept(one))
    queue.push(...one.told.comesFrom)
  }
  return [...found.values()]
}

/** What the history of an execution says, the newest where no run id is given; `undefined`: Temporal does not have it. */
export async function historyOf(from: Histories, workflowId: string, runId: string): Promise<Told | undefined> {
  return (await fetched(from, workflowId, runId))?.told
}

async function fetched({ client, codec }: Histories, workflowId: string, runId: string): Promise<Fetched | undefined> {
  try {
    const handle = client.workflow.getHandle(workflowId, runId === '' ? undefined : runId)
    const stored = await handle.fetchHistory()
    const opened = await inFull(stored, codec)
    return { stored, opened, told: toldBy(opened) }
  } catch (error) {
    if (isNotFound(error)) return undefined
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
