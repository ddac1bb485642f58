import type { temporal } from '@temporalio/proto'
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js'
import { readFile } from 'node:fs/promises'
import { toldBy } from '../audit/told.ts'
import { UsageError } from './errors.ts'

/** A history as `temporal workflow show --output json` exports it. Fails as a usage error on what is none. */
export async function historyIn(file: string): Promise<temporal.api.history.v1.IHistory> {
  try {
    const history: temporal.api.history.v1.IHistory = historyFromJSON(
      JSON.parse(await readFile(file, 'utf8')) as unknown,
    )
    toldBy(history) // throws on what is none
    return history
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const help = 'Export it with `temporal workflow show --workflow-id <id> --output json`.'
    throw new UsageError(`\`${file}\` cannot be read as a history: ${reason}`, help)
  }
}
