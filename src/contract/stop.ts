import { z } from 'zod'
import { failureOf } from './failures.ts'
import { shortened } from './plain-text.ts'
import { personName } from './principal.ts'
import { shellWord } from './text.ts'

/** What can be stopped. Wire names: they stand in the ledger, in failures and on command lines. */
export const STOP_SCOPES = ['run', 'tool', 'playbook', 'workspace'] as const
export type StopScope = (typeof STOP_SCOPES)[number]

/**
 * What a stop is of. `name` is compared letter by letter: the workflow id or the run key of a run, the wire name of a
 * tool (or thought) or of a playbook, the name of a workspace.
 */
export interface StopTarget {
  readonly scope: StopScope
  readonly name: string
}

/** Who stops something or lets it go on, and why. `by` is the subject of the statement that says so. */
export interface StopWord {
  readonly by: string
  readonly reason: string
}

/** A stop as it stands in the failure of a step, and in the incident of a run. */
export interface StopMark extends StopTarget, StopWord {
  readonly id: string
  /** ISO 8601, UTC. */
  readonly at: string
}

const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

const stopName = z.string().min(1).max(1_100).refine(isStorable, 'must be well-formed text')

/** A target as somebody names it. */
export const stopTarget = () => target

const target = z.strictObject({ scope: z.enum(STOP_SCOPES), name: stopName })

/** Who and why as somebody says it: a name that people can see, and 1 to 2,000 characters. */
export const stopWord = () => word

const word = z.strictObject({
  by: personName(),
  reason: z.string().trim().min(1).max(2_000).refine(isStorable, 'must be well-formed text'),
})

const mark = z.object({ id: z.string(), ...target.shape, ...word.shape, at: z.string() })

/** `tool \`billing.refund\`` */
export const stopTargetText = ({ scope, name }: StopTarget): string => `${scope} \`${shortened(name, 300)}\``

/** Whom a stop is by and why, on one line. */
export const stopText = ({ id, by, reason, at, ...of }: StopMark): string =>
  `${stopTargetText(of)} is stopped since ${at} by ${by}: ${reason} (stop ${id})`

/** The command that lifts a stop and lets the runs go on that wait at it; `speaker`: see `speakerFlag`. */
export const resumeCommand = ({ scope, name }: StopTarget, speaker: string): string =>
  `countersign resume ${scope} ${shellWord(name)}${speaker} --reason <why>`

/** What a step met that somebody stopped. */
export interface Stopped {
  readonly message: string
  /** Absent where the failure does not say: a stranger may have completed the activity. */
  readonly stop?: StopMark
}

/** Reads a failure with the code `stopped`; `undefined`: it is another one. */
export function stoppedIn(error: unknown): Stopped | undefined {
  const failure = failureOf(error)
  if (failure?.code !== 'stopped') return undefined
  const parsed = mark.safeParse(failure.details['stop'])
  return { message: failure.message, ...(parsed.success ? { stop: parsed.data } : {}) }
}
