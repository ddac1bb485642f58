import { z } from 'zod'
import { VIAS } from './contracts.ts'

/** One transfer of a run. */
const leg = z.strictObject({ via: z.enum(VIAS), account: z.string(), cents: z.int(), memo: z.string() })
export type Leg = z.output<typeof leg>

/** What a run is to do, and how it ends when nothing goes wrong. */
export const transferRequest = z.strictObject({
  legs: z.array(leg),
  /** All legs side by side, and not one after the other. */
  atOnce: z.boolean(),
  /** Asks the model first. */
  advised: z.boolean(),
  finally: z.enum(['return', 'throw', 'escalate']),
  /** Characters that the answer of the first read has besides; the largest that is carried is far below 200 MB. */
  padding: z.int(),
  /** After the last leg, so that a fault can meet a run that is still open; milliseconds. */
  lingerMs: z.int(),
})
export type TransferRequest = z.output<typeof transferRequest>
