import { Ajv2020 } from 'ajv/dist/2020.js'
import { sql } from 'kysely'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { enqueue } from '../../../src/audit/export/enqueue.ts'
import { eventsOf } from '../../../src/audit/export/event.ts'
import { ocsfOf } from '../../../src/audit/export/ocsf.ts'
import { recordInputOf } from '../../../src/audit/record/record-of-run.ts'
import { recordOf } from '../../../src/audit/record/record-of.ts'
import { type AuditRecord, ENTRY_KINDS } from '../../../src/audit/record/types.ts'
import { canonicalJson, digestOf } from '../../../src/contract/digest.ts'
import { runKeyOf, type RunKey } from '../../../src/contract/evidence.ts'
import { runKeysOf } from '../../../src/ledger/audited.ts'
import { approvalOf, pendingOf, startRefund } from '../../support/refunds.ts'
import { useWorld } from '../../support/world.ts'
import { refundRequest } from '../../../workflows/refund-request.ts'
import { entryOf, NO_CONTRACTS, recordOf as recordWith } from './records.ts'

const WORDS = 'my late mother gave it to me'
const world = useWorld()
const schema = JSON.parse(
  readFileSync(join(import.meta.dirname, 'ocsf-1.9.0-api-activity.schema.json'), 'utf8'),
) as object
const validate = new Ajv2020({ strict: false, allErrors: true }).compile(schema)
const flaws = (event: unknown): readonly string[] => {
  validate(event)
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
}

interface Attested {
  readonly metadata: { readonly uid: string }
  readonly type_uid: number
  readonly attestation_list: readonly {
    readonly chain_uid: string
    readonly prev_event?: {
      readonly uid: string
      readonly type_uid: number
      readonly fingerprint: { readonly value: string }
    }
    readonly fingerprint?: { readonly value: string }
  }[]
}

interface Row {
  readonly event_id: string
  readonly native: string
  readonly ocsf: Attested & Readonly<Record<string, unknown>>
  readonly text: string
}

let runKey: RunKey
let whole: AuditRecord
let rows: readonly Row[]
let enqueued: { readonly target: string | null; readonly added: number; readonly entries: number }
beforeAll(async () => {
  const message = `It arrived broken, ${WORDS}. Please refund $120.00.`
  const { run } = await startRefund(world(), { amountCents: 12_000, message })
  const pending = await pendingOf(run)
  await run.decide(approvalOf(pending, 'ana@acme.example'))
  await run.decide(approvalOf(pending))
  await run.outcome()
  await run.undo({ by: 'olga' })
  await run.result()
  const [key] = await runKeysOf(world().db, run.workflowId)
  if (key === undefined) throw new Error('the ledger does not know the run')
  runKey = key
  const sides = { client: world().temporal, db: world().db }
  const record = await recordOf(await recordInputOf(sides, 'default', runKey))
  whole = record
  enqueued = {
    ...(await enqueue(world().db, record, new Map([['refund_request', refundRequest.contract]]))),
    entries: record.entries.length,
  }
  rows = (
    await sql<Row>`SELECT event_id, native, ocsf::json AS ocsf, ocsf AS text FROM countersign.outbox ORDER BY id`.execute(
      world().db,
    )
  ).rows
})

test('every event of a run that was approved and undone is an API Activity of OCSF 1.9', () => {
  // The shipped policy wants it exported to Splunk.
  expect(enqueued).toEqual({ target: 'splunk', added: rows.length, entries: rows.length })
  expect(rows.length).toBeGreaterThan(15)
  expect(rows.flatMap(({ ocsf }) => flaws(ocsf))).toEqual([])
  expect(new Set(rows.map(({ ocsf }) => ocsf['class_uid']))).toEqual(new Set([6003]))
})

test('the refund says who, what, which run of which playbook, and how it came out', () => {
  const refund = rows.find(
    ({ ocsf, native }) => ocsf['activity_name'] === 'Update' && native.includes('"tool":"billing.refund"'),
  )
  expect(refund?.ocsf).toMatchObject({
    activity_name: 'Update',
    type_uid: 600_303,
    status: 'Success',
    metadata: {
      version: '1.9.0',
      profiles: ['ai_operation', 'record_integrity'],
      uid: refund?.event_id,
      correlation_uid: runKey,
      event_code: 'tool_call',
    },
    ai_agent: { uid: 'refund_request', instance_uid: runKey },
    unmapped: { entry: 'tool_call', proof: 'signed' },
  })
  const refused = rows.find(({ ocsf }) => ocsf['activity_name'] === 'attempt')
  expect(refused?.ocsf).toMatchObject({
    severity: 'Medium',
    status: 'Failure',
    status_code: 'decision_by_requester',
    actor: { user: { name: 'ana@acme.example' } },
  })
})

test('every event is attested, and names the one before it: a changed, dropped or swapped one shows', () => {
  const flawsOf = (chain: readonly Attested[]): readonly string[] =>
    chain.flatMap((event, at) => {
      const [attestation] = event.attestation_list
      const { fingerprint, ...rest } = attestation ?? { chain_uid: '' }
      const found: string[] = []
      const digest = digestOf({ ...event, attestation_list: [rest] }).slice('sha256:'.length)
      if (fingerprint?.value !== digest) found.push(`${at}: not its fingerprint`)
      const before = chain[at - 1]
      const named = rest.prev_event
      if (before === undefined) return named === undefined ? found : [...found, `${at}: something was before it`]
      const isIt =
        named?.uid === before.metadata.uid &&
        named.type_uid === before.type_uid &&
        named.fingerprint.value === before.attestation_list[0]?.fingerprint?.value
      return isIt ? found : [...found, `${at}: another was before it`]
    })
  const chain = rows.map(({ ocsf }) => ocsf)
  expect(flawsOf(chain)).toEqual([])
  expect(new Set(chain.map(({ attestation_list: [one] }) => one?.chain_uid))).toEqual(new Set([runKey]))
  expect(flawsOf(chain.slice(1))).not.toEqual([])
  expect(flawsOf(chain.filter((_, at) => at !== 5))).toEqual(['5: another was before it'])
  expect(flawsOf(chain.map((event, at) => (at === 4 ? { ...event, message: 'other' } : event)))).toEqual([
    '4: not its fingerprint',
  ])
})

test('what people wrote and who they are is not among it, and what was decided is', () => {
  const sent = JSON.stringify(rows)
  expect(sent).not.toMatch(/my late mother|broken|mail\.example/)
  expect(sent).toContain('refund_amount_usd is $120.00')
  expect(sent).toContain('order/ord_')
  expect(rows.map(({ ocsf }) => ocsf['message'])).toContain(
    'decision of billing.refund-1: require_approval (requires_approval_if.refund_amount_usd_gte)',
  )
})

test('what the policy wants blacked out is, wherever it stands, and the record has it', () => {
  const redacted = ['refund_amount_usd', 'amount', 'orderId']
  const contracts = new Map([['refund_request', refundRequest.contract]])
  const said = (names: readonly string[]) =>
    eventsOf(whole, { level: 'evidence', redacted: names }, contracts)
      .filter(({ entry }) => entry !== 'policy')
      .map((event) => canonicalJson(event))
      .join('\n')
  expect(said([])).toMatch(/"amount":\{"cents":12000/)
  expect(said([])).toMatch(/"orderId":"ord_/)
  expect(said(redacted)).not.toMatch(/"(?:amount|refund_amount_usd)":\{|"orderId":"ord_|refund_amount_usd is \$120/)
  expect(said(redacted)).toContain('"refund_amount_usd":"[redacted]"')
  expect(canonicalJson(whole)).toContain('refund_amount_usd is $120.00')
})

test('what is sent is canonical JSON, and nothing of it is said otherwise than in the native form', () => {
  for (const { text, native, ocsf, event_id } of rows) {
    expect(text).toBe(canonicalJson(ocsf))
    const said = JSON.parse(native) as Readonly<Record<string, unknown>>
    expect(said['id']).toBe(event_id)
    expect(ocsf).toMatchObject({
      message: said['text'],
      time: Date.parse(String(said['at'])),
      unmapped: {
        entry: said['entry'],
        step: said['step'],
        proof: said['proof'],
        events: said['events'],
        says: said['says'],
      },
    })
  }
})

test.each(ENTRY_KINDS)('an entry of the kind %s is of the schema, whatever it says', (kind) => {
  const odd = [
    entryOf(0, kind),
    entryOf(1, kind, { says: {}, by: '', text: '', step: 'billing.refund-1' }),
    entryOf(2, kind, { says: { tool: 'a.b', state: 'failed', failure: { code: 'tool_failed' } }, by: 'ben' }),
    entryOf(3, kind, { says: { state: 7, model: 'openai/gpt-9', tool: null, failure: [], answer: 'no' } }),
    entryOf(4, kind, { says: { payload: 'sealed' }, proof: 'sealed', events: [] }),
  ]
  const record = { ...recordWith(runKeyOf('w', 'r'), odd), ...(kind === 'state' ? { playbook: null } : {}) }
  for (const event of eventsOf(record, { level: 'evidence', redacted: [] }, NO_CONTRACTS))
    expect(flaws(ocsfOf(event, null).event)).toEqual([])
})

test('the schema finds what is not of it', () => {
  const good = rows[0]?.ocsf
  expect(flaws({ ...good, surprise: 1 })).not.toEqual([])
  expect(flaws({ ...good, activity_id: 7 })).not.toEqual([])
  expect(flaws({ ...good, attestation_list: [{ chain_uid: 'c' }] })).not.toEqual([])
  expect(flaws({ ...good, src_endpoint: undefined, actor: {} })).not.toEqual([])
})
