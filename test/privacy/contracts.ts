import { z } from 'zod'
import { pii, secret, subject } from '../../src/contract/classes.ts'
import { textFact } from '../../src/contract/fact.ts'
import { readTool, writeTool } from '../../src/contract/tool.ts'

/** A system that the tests own: it takes a secret, and tells whom its records are about. */
const retry = { maximumAttempts: 2, initialIntervalMs: 20, maximumIntervalMs: 50, backoffCoefficient: 2 }
const common = { scopes: ['club:use'], risk: 'low', startToCloseMs: 5_000, retry, nonRetryable: [] } as const

/** What a tool does with the secret that it was handed. */
const how = z.enum(['keeps_it', 'throws_it', 'fails_with_it', 'returns_it'])

export const findMember = readTool({
  ...common,
  name: 'club.findMember',
  title: 'look the member up',
  input: z.strictObject({ email: pii(z.string(), 'email'), token: secret(z.string()), how }),
  output: z.strictObject({ member: subject(z.string()), note: z.string() }),
  local: true,
  evidence: { kind: 'record', reference: ({ how: does }) => `member/${does}` },
})

export const writeMember = writeTool({
  ...common,
  name: 'club.writeMember',
  title: 'write to the member',
  input: z.strictObject({ member: subject(z.string()), text: pii(z.string(), 'text'), token: secret(z.string()), how }),
  output: z.strictObject({ member: z.string(), through: subject(z.string()), note: z.string() }),
  reversibility: 'reversible',
  idempotency: 'key',
  keyWindowMs: 86_400_000,
  evidence: { kind: 'record', reference: ({ member }) => `member/${member}` },
  needs: {},
  declares: { text: textFact('request') },
  facts: ({ text }) => ({ text }),
  supports: () => [],
  describe: ({ member, text }) => `write to ${member}: ${text}`,
  undo: { does: 'take it back', startToCloseMs: 5_000, retry },
})
