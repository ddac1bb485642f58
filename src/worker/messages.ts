import { z } from 'zod'
import type { UndoWarrant, Warrant } from '../contract/action.ts'
import type { HearCall, ThinkCall } from '../contract/calls.ts'
import { type Digest, isDigest } from '../contract/digest.ts'
import type { RunKey } from '../contract/evidence.ts'
import { fail } from '../contract/failures.ts'
import { firstIssue } from '../contract/issue.ts'

/**
 * The shapes of what activities are called with. Anyone with the namespace can call one with anything, and what is no
 * message at all must be refused for good: an error that is retried would be retried for ever.
 */
const text = z.string().max(2_000)
const runKey = z.custom<RunKey>((value) => typeof value === 'string' && value.lastIndexOf('/') > 0, 'must be a run key')
const digest = z.custom<Digest>(isDigest, 'must be a digest')
const json = z.custom((value) => value !== undefined, 'is missing')

const warrantHead = { v: z.literal(1), runKey, workflowType: text, step: text, tool: text, policyDigest: digest }
const issuedAt = z.iso.datetime()

const receipt = z.looseObject({
  v: z.literal(1),
  runKey: text,
  step: text,
  tool: text,
  outputDigest: digest,
  kind: text,
  reference: z.string(),
  at: text,
  keyId: text,
  signature: text,
})
const approval = z.looseObject({
  step: text,
  decision: text,
  by: text,
  comment: z.string(),
  actionDigest: digest,
  at: z.iso.datetime(),
  statement: z.looseObject({}),
})
const edit = z.strictObject({
  by: text,
  from: digest,
  to: digest,
  comment: z.string(),
  at: z.iso.datetime(),
  statement: z.looseObject({ about: z.looseObject({ kind: text }) }),
})

const evidence = z.strictObject({ receipt, output: json })

const warrant = z.strictObject({
  ...warrantHead,
  kind: z.literal('act'),
  principal: z.looseObject({ subject: text }),
  plan: z.string().nullable(),
  inputDigest: digest,
  actionDigest: digest,
  facts: z.record(z.string(), json),
  trust: z.record(z.string(), text),
  evidence: z.array(evidence),
  decision: z.strictObject({ effect: text, matches: z.array(z.looseObject({ rule: text })) }),
  reached: z
    .array(z.looseObject({ runKey: text, step: text, inputDigest: digest, limit: text, keyId: text, signature: text }))
    .max(100)
    .optional(),
  // Nothing goes by it.
  candidate: z.unknown().optional(),
  approvals: z.array(approval).max(100),
  edits: z.array(edit).max(100).optional(),
  changes: z.array(z.looseObject({ record: z.string() })),
  expect: z.record(z.string(), json),
  undo: z.strictObject({ does: text, windowMinutes: z.int().nullable() }).nullable(),
  issuedAt,
})

const undoWarrant = z.looseObject({
  ...warrantHead,
  kind: z.literal('undo'),
  undoes: text,
  inputDigest: digest,
  why: text,
  by: text.nullable(),
  statement: z.looseObject({ about: z.looseObject({ kind: text }), issuedAt }).optional(),
  issuedAt,
})

function warrantIn(message: unknown, kind: 'act' | 'undo'): unknown {
  const found = typeof message === 'object' && message !== null ? (message as { warrant?: unknown }).warrant : undefined
  if (typeof found === 'object' && found !== null && (found as { kind?: unknown }).kind === kind) return found
  throw fail('warrant_missing', 'the tool was called without a warrant')
}

const mismatch = (error: Parameters<typeof firstIssue>[0]): Error =>
  fail('warrant_mismatch', `it is no warrant of this version: ${firstIssue(error)}`)

/** The warrant in a call of a write; fails with `warrant_missing` or `warrant_mismatch`. */
export function warrantOf(message: unknown): Warrant {
  const parsed = warrant.safeParse(warrantIn(message, 'act'))
  if (parsed.success) return parsed.data as unknown as Warrant
  throw mismatch(parsed.error)
}

/** The warrant in a call of an undo; fails as `warrantOf` does. */
export function undoWarrantOf(message: unknown): UndoWarrant {
  const parsed = undoWarrant.safeParse(warrantIn(message, 'undo'))
  if (parsed.success) return parsed.data as unknown as UndoWarrant
  throw mismatch(parsed.error)
}

const hearCall = z.strictObject({
  runKey,
  workspace: z.string().nullable(),
  about: z.looseObject({ kind: z.enum(['decide', 'undo', 'resolve']) }),
  statement: json,
  by: z.string().nullable(),
})

/** A call of `countersign.hear`; fails with `request_invalid`. */
export const checkedHear = (message: HearCall): HearCall => shaped(message, hearCall)

const call = z.looseObject({ runKey })

/** A call that names a run; fails with `request_invalid`. */
export const checked = <C>(message: C): C => shaped(message, call)

const raise = z.strictObject({
  runKey,
  step: text,
  limit: text,
  from: z.int(),
  to: z.int(),
  used: z.int(),
  neededBy: text,
  needs: z.int(),
  policyDigest: digest,
})
const thinkCall = z.looseObject({
  runKey,
  value: evidence.optional(),
  raises: z
    .array(z.strictObject({ raise, approvals: z.array(approval).max(100) }))
    .max(1_000)
    .optional(),
})

/** A call of `model.think`; fails with `request_invalid`. */
export const checkedThink = (message: ThinkCall): ThinkCall => shaped(message, thinkCall)

function shaped<C>(message: C, schema: z.ZodType): C {
  const parsed = schema.safeParse(message)
  if (parsed.success) return message
  throw fail('request_invalid', `the call: ${firstIssue(parsed.error)}`)
}
