import { fail } from '../../../src/contract/failures.ts'
import { implement, type ToolImplementation } from '../../../src/tools/implementation.ts'
import { bookVisit, breakDown, findPatient } from './contracts.ts'
import type { PlantedValues } from './values.ts'

/** More than a history holds: it goes into the blob store. */
const LARGE = 200_000

/** A system that tells and says too much: all that is planted in it. `handed`: the secrets that it was given. */
export function talkativeTools(planted: PlantedValues, handed: string[]): readonly ToolImplementation[] {
  return [
    implement(findPatient, {
      async execute({ patient, token }, call) {
        handed.push(await call.secret(token))
        const file = `${'lorem '.repeat(LARGE / 6)}${planted['end of a large record']}`
        return {
          patient,
          born: planted['date in a record'],
          address: planted['address in a record'],
          phone: planted['phone in a record'],
          ticket: planted['ticket in a record'],
          file,
        }
      },
    }),
    implement(breakDown, {
      execute() {
        const cause = new Error(planted['message of a cause'])
        cause.stack = `Error: ${cause.message}\n    at ${planted['stack of a cause']} (visits.ts:1:1)`
        const details = { said: planted['details of a failure'] }
        throw fail('tool_failed', planted['message of an error'], details, cause)
      },
    }),
    implement(bookVisit, {
      preview: ({ why }) =>
        Promise.resolve({ changes: [{ record: 'visit', field: 'why', from: '', to: why }], expect: {} }),
      async execute({ token }, call) {
        handed.push(await call.secret(token))
        return { visit: 'v-1', doctor: planted['name in an output'] }
      },
      undo: () => Promise.resolve(planted['text of an undo']),
    }),
  ]
}
