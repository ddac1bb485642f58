import { z } from 'zod'
import { readTool } from '../../src/contract/tool.ts'

const PARCEL_STATUSES = ['in_transit', 'delivered', 'lost'] as const
export type ParcelStatus = (typeof PARCEL_STATUSES)[number]

/** `UPS-1001-1` */
export const trackingNumber = z.string().regex(/^[A-Z0-9-]{4,40}$/, 'must look like `UPS-1001-1`')

/** Where a parcel is. Unknown → `not_found`. */
export const getParcel = readTool({
  name: 'shipping.getParcel',
  title: 'look where the parcel is',
  input: z.strictObject({ trackingNumber }),
  output: z.strictObject({
    trackingNumber,
    carrier: z.string(),
    status: z.enum(PARCEL_STATUSES),
    updatedAt: z.iso.datetime(),
  }),
  scopes: ['shipping:read'],
  risk: 'low',
  local: true,
  startToCloseMs: 5_000,
  retry: { maximumAttempts: 5, initialIntervalMs: 200, maximumIntervalMs: 5_000, backoffCoefficient: 2 },
  nonRetryable: [],
  evidence: { kind: 'record', reference: (input) => `parcel/${input.trackingNumber}` },
})
