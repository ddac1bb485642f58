import { Ajv2020 } from 'ajv/dist/2020.js'
import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import proto, { type temporal } from '@temporalio/proto'
import { expect } from 'vitest'
import { historyBytes } from '../../../src/audit/record/history-bytes.ts'
import { NO_KEYS } from '../../../src/audit/record/keys.ts'
import { recordOf } from '../../../src/audit/record/record-of.ts'
import { recordJsonSchema, recordSchema } from '../../../src/audit/record/schema.ts'
import type { AuditRecord, Entry, PublishedKeys, RecordInput } from '../../../src/audit/record/types.ts'
import { recordHtml } from '../../../src/audit/render/html.ts'
import { recordMarkdown } from '../../../src/audit/render/markdown.ts'
import { recordText } from '../../../src/audit/render/text.ts'
import { canonicalJson } from '../../../src/contract/digest.ts'

type History = temporal.api.history.v1.IHistory

const validate = new Ajv2020({ strict: false, allErrors: true, validateFormats: false }).compile(recordJsonSchema())

/** A record that is of its schema, cites only events that are there, and is the same when it is derived again. */
export async function expectSound(input: RecordInput): Promise<AuditRecord> {
  const record = await recordOf(input)
  validate(record)
  expect(validate.errors ?? []).toEqual([])
  expect(recordSchema().safeParse(record).error).toBeUndefined()
  expect(record.entries.map(({ seq }) => seq)).toEqual(record.entries.map((_, at) => at))
  const events = new Map(record.executions.map((one) => [one.runId, one.events]))
  for (const { kind, events: cited, text } of record.entries) {
    expect(text).toMatch(/^\S.*[.!?…]$/u)
    if (kind !== 'difference') expect(cited.length).toBeGreaterThan(0)
    for (const { runId, eventId } of cited) expect(eventId).toBeLessThanOrEqual(events.get(runId) ?? 0)
  }
  const again = { ...input, histories: input.histories.map(readAgain).toReversed() }
  expect(canonicalJson(await recordOf(again))).toBe(canonicalJson(record))
  for (const written of [recordText(record), recordMarkdown(record), recordHtml(record)]) {
    expect(written.isWellFormed()).toBe(true)
  }
  return record
}

/** The same history as it is after it was kept as bytes. */
const readAgain = ({ stored, ...rest }: RecordInput['histories'][number]) => ({
  stored: proto.temporal.api.history.v1.History.decode(historyBytes(stored)) as History,
  ...rest,
})

/** The record of one history alone. */
export const soundOf = (stored: History, keys: PublishedKeys = NO_KEYS): Promise<AuditRecord> =>
  expectSound({ namespace: 'default', histories: [{ stored }], keys })

/** A history as `temporal workflow show --output json` exports it, and read again. */
export const exportedAndRead = (history: History): History => historyFromJSON(JSON.parse(historyToJSON(history)))

/** `kind proof step`, one an entry. */
export const linesOf = ({ entries }: AuditRecord): readonly string[] =>
  entries.map(({ kind, proof, step }) => `${kind} ${proof}${step === null ? '' : ` ${step}`}`)

/** The entries of a kind. */
export const of = ({ entries }: AuditRecord, kind: Entry['kind'], step?: string): readonly Entry[] =>
  entries.filter((entry) => entry.kind === kind && (step === undefined || entry.step === step))
