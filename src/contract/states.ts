/** The task states of a run. Wire names: they are search attribute values and stand in records. */
export const RUN_STATES = [
  'pending',
  'in_progress',
  'blocked',
  'completed',
  'reverted',
  'refused',
  'escalated',
  'suggested',
  'failed',
] as const
export type RunState = (typeof RUN_STATES)[number]

/** What a blocked run waits for. */
export type WaitingFor = 'approval' | 'incident' | 'limit'

/**
 * The legal transitions; every other is impossible. `completed` stays open for the undo window, so it is the
 * one end that can still change: to `reverted` by an undo, or to `blocked` when a compensation got stuck.
 * Only `completed` leaves effects standing: every other end has compensated what it did.
 */
export const TRANSITIONS: Readonly<Record<RunState, readonly RunState[]>> = {
  pending: ['in_progress', 'refused', 'reverted', 'failed'],
  in_progress: ['blocked', 'completed', 'reverted', 'refused', 'escalated', 'suggested', 'failed'],
  blocked: ['in_progress', 'completed', 'reverted', 'refused', 'escalated', 'suggested', 'failed'],
  completed: ['reverted', 'blocked'],
  reverted: [],
  refused: [],
  escalated: [],
  suggested: [],
  failed: [],
}

/** The ends of a run: what `outcome` answers with. `suggested`: it drafted what it would have done, and did nothing. */
export type RunEnd = 'completed' | 'reverted' | 'refused' | 'escalated' | 'suggested' | 'failed'

/** Throws `RangeError` on an illegal transition: a defect in the kernel, never somebody's input. */
export function transition(from: RunState, to: RunState): RunState {
  if (!TRANSITIONS[from].includes(to)) throw new RangeError(`a run cannot go from \`${from}\` to \`${to}\``)
  return to
}
