import type { ExportEnd } from '../audit/export/exporter.ts'
import { logOwn } from './own-log.ts'

/** Says when a sink takes nothing any more, why, and when it does again: once each, however often it is tried. And each event that one refuses. */
export function exportLog(): (sink: string, end: ExportEnd, events: number, why: string | undefined) => void {
  const failing = new Map<string, string>()
  return (sink, end, events, why = '') => {
    if (end === 'refused') {
      logOwn('ERROR', `the sink ${sink} calls an event malformed; see \`countersign audit outbox\``, {
        problems: [why],
      })
      return
    }
    const before = failing.get(sink)
    if (end === 'again') {
      failing.set(sink, why)
      if (before !== why) {
        logOwn('ERROR', `the sink ${sink} does not take events; they wait in the outbox`, { problems: [why] })
      }
      return
    }
    if (failing.delete(sink)) logOwn('INFO', `the sink ${sink} takes events again`, { events })
  }
}
