import { numberFact, readTool, writeTool } from 'countersign'
import { z } from 'zod'

const retry = { maximumAttempts: 3, initialIntervalMs: 200, maximumIntervalMs: 2_000, backoffCoefficient: 2 }
const common = { risk: 'medium', startToCloseMs: 5_000, retry, nonRetryable: [] } as const

export const getPlan = readTool({
  ...common,
  name: 'cloud.getPlan',
  title: 'look the plan up',
  input: z.strictObject({ team: z.string() }),
  output: z.strictObject({ team: z.string(), seats: z.int() }),
  scopes: ['cloud:read'],
  local: true,
  evidence: { kind: 'record', reference: ({ team }) => `plan/${team}` },
})

export const addSeats = writeTool({
  ...common,
  name: 'cloud.addSeats',
  title: 'add seats to the plan',
  input: z.strictObject({ team: z.string(), seats: z.int().positive() }),
  output: z.strictObject({ seats: z.int() }),
  scopes: ['cloud:write'],
  reversibility: 'irreversible',
  idempotency: 'key',
  keyWindowMs: 86_400_000,
  evidence: { kind: 'record', reference: ({ team }) => `plan/${team}` },
  needs: { plan: getPlan },
  declares: { added_seats: numberFact('seats', 'request') },
  facts: ({ seats }) => ({ added_seats: seats }),
  supports: ({ team }, { plan }) => (plan.team === team ? [] : ['the plan is of another team']),
  describe: ({ team, seats }) => `add ${seats} seats to ${team}`,
  undo: null,
})
