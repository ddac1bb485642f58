import { z } from 'zod'
import { pii, secret, subject } from '../../../src/contract/classes.ts'
import { textFact } from '../../../src/contract/fact.ts'
import { readTool, writeTool } from '../../../src/contract/tool.ts'

const retry = { maximumAttempts: 1, initialIntervalMs: 20, maximumIntervalMs: 50, backoffCoefficient: 2 }
const common = { scopes: ['visits:use'], risk: 'low', startToCloseMs: 5_000, retry, nonRetryable: [] } as const
const person = pii(subject(z.string()), 'account')

/** Finds a patient; what it finds is too large for a history. */
export const findPatient = readTool({
  ...common,
  name: 'visits.find',
  title: 'find the patient',
  input: z.strictObject({ patient: person, token: secret(z.string()) }),
  output: z.strictObject({
    patient: person,
    born: pii(z.string(), 'date'),
    address: pii(z.string(), 'address'),
    phone: pii(z.string(), 'phone'),
    ticket: pii(z.string(), 'text'),
    file: pii(z.string(), 'text'),
  }),
  local: false,
  evidence: { kind: 'record', reference: () => 'patient' },
})

/** Fails, and its message and stack tell too much. */
export const breakDown = readTool({
  ...common,
  name: 'visits.break',
  title: 'break down',
  input: z.strictObject({ patient: person }),
  output: z.strictObject({}),
  local: false,
  evidence: { kind: 'record', reference: () => 'nothing' },
})

export const bookVisit = writeTool({
  ...common,
  name: 'visits.book',
  title: 'book a visit',
  input: z.strictObject({ patient: person, why: pii(z.string(), 'text'), token: secret(z.string()) }),
  output: z.strictObject({ visit: z.string(), doctor: pii(z.string(), 'name') }),
  reversibility: 'reversible',
  idempotency: 'key',
  keyWindowMs: 86_400_000,
  evidence: { kind: 'record', reference: () => 'visit' },
  needs: { found: findPatient },
  declares: { why: textFact('request'), day: textFact('record') },
  facts: ({ why }, { found }) => ({ why, day: found.born }),
  supports: () => [],
  describe: ({ patient, why }) => `book a visit of ${patient}: ${why.slice(0, 60)}…`,
  undo: { does: 'cancel the visit', startToCloseMs: 5_000, retry },
})
