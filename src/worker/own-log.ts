import { shownTo, textFor } from '../privacy/reader.ts'
import { type LogMetadata, Runtime } from '@temporalio/worker'

type Fields = Readonly<Record<string, unknown>>

/** Nobody in the sandbox, and no tool, can put this into what it logs. */
const OWN = Symbol('countersign')

/**
 * Says something in the log of Temporal's runtime, the one log that every worker has. Its words and fields hold nothing
 * of a run.
 */
export function logOwn(level: 'INFO' | 'ERROR', message: string, fields: Fields): void {
  const meta: LogMetadata & { [OWN]?: true } = { from: 'countersign', ...shownTo('log', fields), [OWN]: true }
  Runtime.instance().logger.log(level, textFor('log', message), meta)
}

/** The fields of an entry that `logOwn` wrote; `undefined`: it is Temporal's, or a playbook's or a tool's through it. */
export function ownFields(meta: LogMetadata | undefined): Fields | undefined {
  if (meta === undefined || !(OWN in meta)) return undefined
  const { [OWN]: _, ...fields } = meta as LogMetadata & { [OWN]?: true }
  return fields
}
