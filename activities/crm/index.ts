import { fail } from '../../src/contract/failures.ts'
import { implement, type ToolImplementation } from '../../src/tools/implementation.ts'
import { recordsOf } from '../records/tables.ts'
import { getCustomer } from './contract.ts'

/** The customer records. */
export const crmTools: readonly ToolImplementation[] = [
  implement(getCustomer, {
    async execute(input, call) {
      const customer = await recordsOf(call.db)
        .selectFrom('customers')
        .select(['id', 'name', 'email', 'tier'])
        .where('id', '=', input.customerId)
        .executeTakeFirst()
      if (customer === undefined) throw fail('not_found', `There is no customer \`${input.customerId}\`.`)
      return customer
    },
  }),
]
