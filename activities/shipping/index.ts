import { fail } from '../../src/contract/failures.ts'
import { implement, type ToolImplementation } from '../../src/tools/implementation.ts'
import { recordsOf } from '../records/tables.ts'
import { getParcel } from './contract.ts'

/** The carriers' parcels. */
export const shippingTools: readonly ToolImplementation[] = [
  implement(getParcel, {
    async execute(input, call) {
      const parcel = await recordsOf(call.db)
        .selectFrom('parcels')
        .select(['tracking_number', 'carrier', 'status', 'updated_at'])
        .where('tracking_number', '=', input.trackingNumber)
        .executeTakeFirst()
      if (parcel === undefined) throw fail('not_found', `There is no parcel \`${input.trackingNumber}\`.`)
      return {
        trackingNumber: parcel.tracking_number,
        carrier: parcel.carrier,
        status: parcel.status,
        updatedAt: parcel.updated_at.toISOString(),
      }
    },
  }),
]
