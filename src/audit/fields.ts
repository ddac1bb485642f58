import type { temporal } from '@temporalio/proto'
import type { Json, JsonObject } from '../contract/json.ts'
import { argumentOf } from './command.ts'

/** The object that something is, or an empty one. */
export const fieldsOf = (json: unknown): JsonObject =>
  typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as JsonObject) : {}
export const textIn = (json: unknown): string => (typeof json === 'string' ? json : '')

/** Whoever completes an activity may write bytes that are no JSON: they say nothing. */
export function saidIn(payloads: temporal.api.common.v1.IPayloads | null | undefined): Json {
  try {
    return argumentOf(payloads?.payloads)
  } catch {
    return null
  }
}
