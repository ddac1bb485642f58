import { parseArgs } from 'node:util'
import { openDatabase } from '../../src/ledger/database.ts'
import type { Ready, Waiting } from '../case.ts'

const { values } = parseArgs({
  options: { database: { type: 'string', default: '' }, port: { type: 'string', default: '0' } },
})

/** What the driver started this process with: the port of 127.0.0.1 to serve, and the database. */
export const port = Number(values.port)
export const database = values.database
export const db = openDatabase(database, () => {})

/** Tells the driver that a run waits. `step` is what its approval is addressed to, beside the run. */
export function tellWaiting(workflowId: string, step: string): void {
  const waiting: Waiting = { workflowId, step, digest: '' as Waiting['digest'] }
  process.send?.(waiting)
}

/** Tells the driver to begin. The end of the driver ends this process. */
export function ready(stop: () => Promise<void>): void {
  process.once('disconnect', () => void stop().finally(() => process.exit()))
  const told: Ready = { ready: true }
  process.send?.(told)
}
