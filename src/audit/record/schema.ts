import { z } from 'zod'
import { type Digest, isDigest } from '../../contract/digest.ts'
import type { RunKey } from '../../contract/evidence.ts'
import { type AuditRecord, ENTRY_KINDS, PROOFS } from './types.ts'

const time = z.iso.datetime().describe('ISO 8601, UTC')
const whole = z.int().nonnegative()
// As a pattern beside the check, so that the JSON Schema says it too.
const digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/)
  .refine((text): boolean => isDigest(text)) as unknown as z.ZodType<Digest>

const eventRef = z.strictObject({
  runId: z.string().describe('The execution'),
  eventId: whole.describe('The event in its history'),
})

const entry = z.strictObject({
  seq: whole.describe('0, 1, 2 …'),
  kind: z.enum(ENTRY_KINDS).describe('What it is about'),
  at: time.describe('When the first of its events was: ISO 8601, UTC'),
  step: z.string().nullable().describe('null: it is about the run'),
  events: z.array(eventRef).describe('What it rests on; empty only where it is a difference that no event tells'),
  proof: z
    .enum(PROOFS)
    .describe(
      'signed: a receipt or a statement was verified with a published key; server: an event that Temporal itself made; ' +
        'claimed: nobody proves it; sealed: its payload could not be read; erased: nobody can read it any more',
    ),
  by: z.string().nullable().describe('Who said or did it; null: nobody is named'),
  says: z.record(z.string(), z.json()).describe('By kind, as docs/audit.md tells'),
  text: z.string().describe('One sentence for a person'),
})

const execution = z.strictObject({
  runId: z.string(),
  events: whole.describe('How many events its history has'),
  digest: digest.describe('SHA-256 of its history as protobuf'),
  began: time,
  closed: time.nullable().describe('null: it is open'),
  closedBy: z.string().nullable().describe('The event that closed it, such as WorkflowExecutionTerminated'),
})

const record = z.strictObject({
  v: z.literal(1),
  kind: z.literal('countersign.record'),
  runKey: z.string().regex(/\//) as unknown as z.ZodType<RunKey>,
  workflowId: z.string(),
  playbook: z.string().nullable().describe('The workflow type'),
  namespace: z.string(),
  executions: z
    .array(execution)
    .min(1)
    .describe('Of the run, over resets and continuations, in the order in which they began'),
  state: z
    .string()
    .describe('The state in which it ended; else running, continued, terminated, timed_out or cancelled'),
  entries: z.array(entry).describe('By execution, then by event'),
})

/** Reads a record; strictly, since nobody has verified it yet. */
export const recordSchema = (): z.ZodType<AuditRecord> => record

/** The JSON Schema of a record: draft 2020-12. */
export const recordJsonSchema = () => ({
  title: 'Countersign audit record',
  description: 'All that the histories of a run say, in order, each entry with the events that it rests on.',
  ...z.toJSONSchema(record),
})
