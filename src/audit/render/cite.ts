import type { AuditRecord, Entry, EventRef, Proof } from '../record/types.ts'

/** What people read of who vouches for an entry. */
export const PROOF_WORDS: Readonly<Record<Proof, string>> = {
  signed: 'signed',
  server: 'Temporal’s own',
  claimed: 'claimed',
  sealed: 'SEALED',
  erased: 'ERASED',
}

/** What people have to know to read that. */
export const PROOF_MEANS: Readonly<Record<Proof, string>> = {
  signed: 'a receipt of a host or a statement of a gateway was verified with a published key',
  server: 'an event that the Temporal server made itself: that it was said or done then, and in this order',
  claimed: 'somebody says so, and nobody proves it',
  sealed: 'encrypted, or kept elsewhere: it could not be read for this record',
  erased: 'its key was destroyed: nobody can read it any more',
}

/** What people read of what an entry is about. */
export const KIND_WORDS: Readonly<Record<Entry['kind'], string>> = {
  execution: 'execution',
  request: 'request',
  principal: 'principal',
  policy: 'policy',
  plan: 'plan',
  source: 'source',
  model_call: 'model call',
  diff: 'what would change',
  decision: 'decision',
  question: 'question',
  approval: 'approval',
  attempt: 'refused attempt',
  stop: 'stop',
  tool_call: 'tool call',
  compensation: 'compensation',
  undo: 'undo',
  incident: 'incident',
  state: 'state',
  difference: 'difference',
}

/** The events, in brackets: `[25, 31]`; of a run with several executions, with the number of each: `[1:25, 2:9]`. */
export function cite(record: Pick<AuditRecord, 'executions'>, events: readonly EventRef[]): string {
  if (events.length === 0) return '[no event]'
  const numbers = new Map(record.executions.map(({ runId }, index) => [runId, index + 1]))
  const isOne = record.executions.length === 1
  const texts = events.map(({ runId, eventId }) => (isOne ? `${eventId}` : `${numbers.get(runId) ?? '?'}:${eventId}`))
  return `[${[...new Set(texts)].join(', ')}]`
}

/** What a reader has to look at first: what needed a person, what does not agree; not what people said to it. */
export const warningsIn = ({ entries }: Pick<AuditRecord, 'entries'>): readonly Entry[] =>
  entries.filter(({ kind, says }) => (kind === 'incident' && !('message' in says)) || kind === 'difference')

/** The steps that were decided on or done, in order, each once. */
export const decidedSteps = ({ entries }: Pick<AuditRecord, 'entries'>): readonly string[] => [
  ...new Set(
    entries.flatMap(({ kind, step }) => ((kind === 'decision' || kind === 'tool_call') && step !== null ? [step] : [])),
  ),
]
