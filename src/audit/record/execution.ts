import type { temporal } from '@temporalio/proto'
import type { RunKey } from '../../contract/evidence.ts'
import { type Json, type JsonObject, plain } from '../../contract/json.ts'
import { shortened } from '../../contract/plain-text.ts'
import { failureOf, millisecondsOf } from '../command.ts'
import { fieldsOf, saidIn, textIn } from '../fields.ts'
import type { Verifiers } from '../receipt-flaw.ts'
import type { Told } from '../told.ts'
import type { IssuerKey } from '../../ledger/issuer-keys.ts'
import { type Read, readIn } from './payloads.ts'
import type { Entry, EventRef } from './types.ts'

export type Event = temporal.api.history.v1.IHistoryEvent

/** An entry before all of them are put in order. The first of its events is where it stands; times are those of that event. */
export type Found = Omit<Entry, 'seq'>

/** What is known of a run besides its events. */
export interface Known {
  readonly runKey: RunKey
  /** `null`: no history tells. */
  readonly workspace: string | null
  readonly hosts: Verifiers
  readonly issuers: (keyId: string) => Promise<IssuerKey | undefined>
}

/** One execution of a run, with its events as they can be read. */
export interface Execution {
  readonly told: Told
  readonly events: readonly Event[]
  readonly byId: ReadonlyMap<number, Event>
  /** Local activities, in order. */
  readonly locals: readonly Local[]
  /** The last event that was copied from the execution that it was reset from; 0: none was. */
  readonly copied: number
}

/** A local activity as its marker tells of it. */
export interface Local {
  readonly event: Event
  readonly type: string
  readonly answer: Read
  /** Why it failed; `null`: it did not. */
  readonly failure: JsonObject | null
}

export function executionOf(told: Told, history: temporal.api.history.v1.IHistory): Execution {
  const events = history.events ?? []
  const reset = events.findLast(({ workflowTaskFailedEventAttributes: failed }) => failed?.newRunId)
  return {
    told,
    events,
    byId: new Map(events.map((event) => [idOf(event), event])),
    locals: events.flatMap((event) => localIn(event) ?? []),
    copied: reset === undefined ? 0 : idOf(reset) - 1,
  }
}

function localIn(event: Event): Local | undefined {
  const marker = event.markerRecordedEventAttributes
  if (marker?.markerName !== 'core_local_activity') return undefined
  const { data, result } = marker.details ?? {}
  const type = textIn(fieldsOf(saidIn(data))['activity_type'])
  const failure = marker.failure ? failureIn(marker.failure) : null
  return { event, type, answer: readIn(result), failure }
}

/** A failure as an entry has it: its code, its message, and who stopped it where it was stopped. */
export function failureIn(failure: temporal.api.failure.v1.IFailure | null | undefined): JsonObject {
  const failed = applicationFailureIn(failure)
  const said = attempted(() => failureOf(failed))
  const { type = '', message = '', details = null } = said ?? {}
  const { stop } = fieldsOf(details)
  return {
    code: shortened(textIn(type), 200),
    message: line(textIn(message)),
    ...(stop === undefined ? {} : { stop: plain(stop) }),
  }
}

/** The failure that says something: a time-out or an activity's failure wraps one. */
function applicationFailureIn(failure: temporal.api.failure.v1.IFailure | null | undefined) {
  let found = failure
  for (let depth = 0; depth < 20 && found?.cause && !found.applicationFailureInfo; depth += 1) found = found.cause
  return found?.applicationFailureInfo ? found : failure
}

function attempted(read: () => JsonObject): JsonObject | undefined {
  try {
    return plain(read())
  } catch {
    return undefined
  }
}

export const idOf = ({ eventId }: Event): number => Number(String(eventId ?? 0))

/** The latest time that is written: the end of the year 9999. */
const LATEST_MS = 253_402_300_799_999

/** ISO 8601, UTC; what is no time is 1970. */
export const isoOf = (ms: number): string => new Date(ms >= 0 && ms <= LATEST_MS ? ms : 0).toISOString()

/** When an event was: ISO 8601, UTC. */
export const timeOf = ({ eventTime }: Event): string => isoOf(millisecondsOf(eventTime))

/** So long after an event. */
export const timeAfter = ({ eventTime }: Event, duration: Parameters<typeof millisecondsOf>[0]): string =>
  isoOf(millisecondsOf(eventTime) + millisecondsOf(duration))

/** Where events are. */
export const refs = ({ told: { runId } }: Execution, ...events: readonly (Event | undefined)[]): readonly EventRef[] =>
  events.filter((event) => event !== undefined).map((event) => ({ runId, eventId: idOf(event) }))

/** One line of a sentence, whatever somebody wrote: nothing in it moves a cursor or turns what follows around. */
export const line = (text: string, most = 500): string => {
  const flat = text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
  return flat.length <= most ? flat : `${shortened(flat, most)}…`
}

/** The summary that workflow code gave an event; empty: none, or it cannot be read. */
export const summaryOf = ({ userMetadata }: Event): string => {
  const { summary } = userMetadata ?? {}
  return summary ? line(textIn(readIn({ payloads: [summary] }).json)) : ''
}

/** Who sent something: what the server computed, and what the client only says of itself. */
export const callerOf = ({ principal }: Event, identity: string | null | undefined): JsonObject => ({
  identity: line(identity ?? ''),
  principal: principal?.name ? { type: line(principal.type ?? ''), name: line(principal.name) } : null,
})

/** The name that the server computed; `null`: it computed none. */
export const provenCaller = ({ principal }: Event): string | null => (principal?.name ? line(principal.name) : null)

/** ` by ana`, or what somebody only calls himself. */
export function byCaller(event: Event, identity: string | null | undefined): string {
  const proven = provenCaller(event)
  if (proven !== null) return ` by ${proven}`
  return identity ? ` by somebody who calls himself ${line(identity, 200)}` : ''
}

/** The objects in a list. */
export const objectsIn = (json: Json | undefined): readonly JsonObject[] =>
  Array.isArray(json) ? (json as readonly Json[]).map(fieldsOf) : []

/** The texts in a list. */
export const textsIn = (json: Json | undefined): readonly string[] =>
  Array.isArray(json) ? (json as readonly Json[]).filter((one) => typeof one === 'string') : []
