import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js'
import type { temporal } from '@temporalio/proto'
import fc from 'fast-check'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { explain } from '../../../src/audit/render/explain.ts'
import { recordHtml } from '../../../src/audit/render/html.ts'
import { recordMarkdown } from '../../../src/audit/render/markdown.ts'
import { recordText } from '../../../src/audit/render/text.ts'
import { of, soundOf } from './records.ts'

type History = temporal.api.history.v1.IHistory
type Payload = temporal.api.common.v1.IPayload

const text = readFileSync(join(import.meta.dirname, 'golden', 'approved.history.json'), 'utf8')
const history = (): History => historyFromJSON(JSON.parse(text))
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value)

/** Every payload of a history, however deep. */
function payloadsOf(value: unknown): Payload[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return []
  if ('metadata' in value && 'data' in value) return [value as Payload]
  return Object.values(value).flatMap(payloadsOf)
}

/** The history with every JSON text of a payload changed. */
function changed(change: (json: string) => string): History {
  const all = history()
  for (const payload of payloadsOf(all)) payload.data = bytes(change(Buffer.from(payload.data ?? []).toString()))
  return all
}

const HIDDEN = ['\u202e', '\u0007']
const EVIL = `<script>alert(1)</script><img src=x onerror=alert(2)>"'\`><a href="javascript:alert(3)">\u202eevil\u0007 [x](http://evil.example) **bold** | # h`

test('HTML, Markdown and control characters in messages are text on every page', async () => {
  const quoted = JSON.stringify(EVIL).slice(1, -1)
  const record = await soundOf(
    changed((json) => json.replaceAll('It arrived damaged', quoted).replaceAll('approve it is', quoted)),
  )
  expect(of(record, 'request')[0]?.says['request']).toMatchObject({ message: expect.stringContaining('<script>') })
  const html = recordHtml(record)
  expect(html).not.toMatch(/<script|<img|<a href="j/i)
  for (const character of HIDDEN) expect(html).not.toContain(character)
  expect(html.match(/<a /g)?.length ?? 0).toBe(html.match(/<a href="#entry-\d+">/g)?.length ?? 0)
  const markdown = recordMarkdown(record)
  expect(markdown).not.toMatch(/<script|<img|[^\\]\[x\]\(|http:\/\//)
  for (const character of HIDDEN) expect(recordText(record)).not.toContain(character)
})

test('the page fetches nothing and runs nothing, and lets in no style but its own', async () => {
  const html = recordHtml(await soundOf(history()))
  expect(html).not.toMatch(/<(?:script|img|iframe|link|object|form|base)\b|url\(|@import|\son\w+=|\sstyle=/i)
  expect(html).not.toMatch(/https?:/)
  const [, style = ''] = /<style>([^]*?)<\/style>/.exec(html) ?? []
  const digest = createHash('sha256').update(style).digest('base64')
  expect(html).toContain(`default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'`)
})

test('a huge text stands in the record by its digest, and shortened in its sentence', async () => {
  const huge = 'x'.repeat(500_000)
  const record = await soundOf(changed((json) => json.replaceAll('It arrived damaged', huge)))
  const [request] = of(record, 'request')
  expect(request?.says['request']).toMatchObject({
    omitted: { digest: expect.stringMatching(/^sha256:/), characters: expect.any(Number) },
  })
  expect(request?.text.length).toBeLessThan(1_000)
  expect(JSON.stringify(record).length).toBeLessThan(200_000)
  expect(recordHtml(record).length).toBeLessThan(300_000)
})

test('half a character is replaced, and what it stands in is claimed', async () => {
  const record = await soundOf(changed((json) => json.replaceAll('Gift box', '\\ud800')))
  expect(JSON.stringify(record)).toContain('\ufffd')
  expect(JSON.stringify(record).isWellFormed()).toBe(true)
  expect(of(record, 'source')[0]).toMatchObject({ proof: 'claimed' })
})

test.each([
  ['no JSON', '{"'],
  ['a number', '7'],
  ['nothing', 'null'],
  ['a list', '[[[]]]'],
  ['nested deeper than anything', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
  [
    'keys of every object',
    '{"__proto__":{"x":1},"constructor":{"prototype":{}},"toString":7,"warrant":{"kind":"act"},"receipt":[]}',
  ],
  [
    'matches that are none',
    '{"warrant":{"kind":"act","decision":{"effect":7,"matches":[null,7,{}]},"approvals":[7,null,{}],"evidence":{},"changes":7}}',
  ],
])('payloads that are %s make a record, and nothing of it is signed', async (_title, json) => {
  const record = await soundOf(changed(() => json))
  expect(record.entries.filter(({ proof }) => proof === 'signed')).toEqual([])
  for (const step of ['billing.refund-1', 'helpdesk.reply-1']) explain(record, step)
})

test('an encoding that nobody knows is sealed, and what is plain is told', async () => {
  const all = history()
  for (const payload of payloadsOf(all)) payload.metadata = { encoding: bytes('binary/countersign-encrypted') }
  for (const { markerRecordedEventAttributes: marker } of all.events ?? []) {
    const [data] = marker?.details?.['data']?.payloads ?? []
    if (data) data.metadata = { encoding: bytes('json/plain') }
  }
  const record = await soundOf(all)
  expect(new Set(of(record, 'tool_call').map(({ proof }) => proof))).toEqual(new Set(['sealed']))
  expect(of(record, 'tool_call', 'billing.refund-1')[0]?.says).toMatchObject({
    tool: 'billing.refund',
    state: 'done',
    payload: 'sealed',
  })
  expect(of(record, 'request')[0]).toMatchObject({ proof: 'sealed' })
  expect(of(record, 'policy')[0]).toMatchObject({ proof: 'sealed' })
  expect(recordText(record)).toContain('SEALED')
  expect(JSON.stringify(record)).not.toContain('ben@acme.example')
})

test('what was erased says so', async () => {
  const all = history()
  for (const payload of payloadsOf(all.events?.[0])) {
    payload.metadata = { ...payload.metadata, 'countersign-erased': new Uint8Array([1]) }
  }
  const record = await soundOf(all)
  expect(of(record, 'request')[0]).toMatchObject({
    proof: 'erased',
    says: { payload: 'erased' },
    text: 'What was asked for was erased.',
  })
  expect(recordText(record)).toContain('ERASED')
})

test('times that are none are 1970, and events without one are no error', async () => {
  const all = history()
  for (const [at, event] of (all.events ?? []).entries()) {
    event.eventTime = at % 2 === 0 ? null : { seconds: 9_999_999_999_999 as never, nanos: 0 }
  }
  const record = await soundOf(all)
  expect(new Set(record.entries.map(({ at }) => at))).toEqual(new Set(['1970-01-01T00:00:00.000Z']))
})

test('whatever stands in the payloads, and whichever events are missing, a record comes of it', async () => {
  const length = history().events?.length ?? 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(), fc.oneof(fc.json(), fc.string(), fc.string({ unit: 'binary' }))), { maxLength: 6 }),
      fc.subarray(Array.from({ length: length - 1 }, (_, at) => at + 1)),
      async (changes, left) => {
        const all = history()
        const payloads = payloadsOf(all)
        for (const [at, data] of changes) {
          const payload = payloads[at % payloads.length]
          if (payload) payload.data = bytes(data)
        }
        const kept = new Set([0, ...left])
        const record = await soundOfAny({ events: (all.events ?? []).filter((_, at) => kept.has(at)) })
        for (const page of [recordHtml(record), recordMarkdown(record)]) expect(page).not.toContain('<script')
      },
    ),
    { numRuns: 60 },
  )
})

/** Event ids go beyond their number where events are missing. */
async function soundOfAny(all: History) {
  const numbered = (all.events ?? []).map((event, at) => ({ ...event, eventId: (at + 1) as never }))
  return await soundOf({ events: numbered })
}
