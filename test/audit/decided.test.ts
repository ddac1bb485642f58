import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isInFull } from '../../src/audit/in-full.ts'
import { toldBy } from '../../src/audit/told.ts'
import { BULK_ENCODING } from '../../src/contract/bulk.ts'
import { KERNEL_VERSION } from '../../src/contract/wire.ts'

const folder = join(import.meta.dirname, '..', 'replay', 'histories', KERNEL_VERSION)

const read = (file: string) => historyFromJSON(JSON.parse(readFileSync(join(folder, file), 'utf8')))

/** What was decided on in a history. */
const decidedIn = (history: ReturnType<typeof read>) =>
  toldBy(history).decided.map(({ step, ruling }) => {
    if (typeof ruling === 'string') return `${step}: ${ruling}`
    const { decision, people } = ruling
    return `${step}: ${decision.effect}${people === null ? '' : `, ${people}`}`
  })

const REFUND = 'billing.refund-1'
const ALLOWED = [`${REFUND}: allow`, 'helpdesk.reply-1: allow']
const APPROVED = [`${REFUND}: require_approval, approved`, 'helpdesk.reply-1: allow']
const DENIED = [`${REFUND}: deny`]

const DECIDED: Readonly<Record<string, readonly string[]>> = {
  'refund_request.approved.json': APPROVED,
  'refund_request.bad-request.json': [],
  'refund_request.cancelled.json': [`${REFUND}: people were asked, and the history does not tell on which facts`],
  'refund_request.compensated.json': ALLOWED,
  'refund_request.completed.json': ALLOWED,
  'refund_request.denied.json': DENIED,
  'refund_request.incident.json': ALLOWED,
  'refund_request.over-budget.json': [],
  'refund_request.rejected.json': [`${REFUND}: require_approval, rejected`],
  // The refund was done before the reset.
  'refund_request.reset.json': ['helpdesk.reply-1: allow', `${REFUND}: another history of the run tells of it`],
  'refund_request.undone.json': ALLOWED,
  'support_request.approved.json': APPROVED,
  'support_request.completed.json': ALLOWED,
  'support_request.denied.json': DENIED,
}

test('every kept history tells what its policy decided on, each action once', () => {
  const told = readdirSync(folder).filter((name) => name.endsWith('.json'))
  expect(Object.fromEntries(told.map((name) => [name, decidedIn(read(name))]))).toEqual(DECIDED)
})

type Warrant = Record<string, unknown>
type Payload = { metadata?: Record<string, Uint8Array> | null; data?: Uint8Array | null }

/** The history of a completed run, with what its refund was asked for changed. */
function asked(change: (payload: Payload) => void): ReturnType<typeof read> {
  const history = read('refund_request.completed.json')
  const scheduled = history.events?.map((event) => event.activityTaskScheduledEventAttributes)
  const payload = scheduled?.find((one) => one?.activityId === REFUND)?.input?.payloads?.[0]
  if (!payload) throw new Error('there is no refund')
  change(payload)
  return history
}

test('a warrant that is kept beside the history, and missing there, is told', () => {
  const history = asked((payload) => {
    payload.metadata = { encoding: Buffer.from(BULK_ENCODING) }
    payload.data = Buffer.from('{}')
  })
  expect(isInFull(history)).toBe(false)
  expect(isInFull(read('refund_request.completed.json'))).toBe(true)
  expect(decidedIn(history)).toEqual([
    `${REFUND}: what is kept beside the history of it is missing`,
    'helpdesk.reply-1: allow',
  ])
})

test.each([
  ['no decision', (warrant: Warrant) => delete warrant['decision']],
  ['an effect that there is not', (warrant: Warrant) => (warrant['decision'] = { effect: 'perhaps', matches: [] })],
  ['matches that are none', (warrant: Warrant) => (warrant['decision'] = { effect: 'allow', matches: [null] })],
] as const)('a warrant with %s is told', (_what, change) => {
  const history = asked((payload) => {
    const call = JSON.parse(Buffer.from(payload.data ?? []).toString()) as { warrant: Warrant }
    change(call.warrant)
    payload.data = Buffer.from(JSON.stringify(call))
  })
  expect(decidedIn(history)).toEqual([`${REFUND}: its warrant cannot be read`, 'helpdesk.reply-1: allow'])
})

test('what is no value of a fact is as one that was not recorded', () => {
  const history = asked((payload) => {
    const call = JSON.parse(Buffer.from(payload.data ?? []).toString()) as { warrant: Warrant }
    call.warrant['facts'] = { refund_amount_usd: { cents: 'many' }, reason: null, customer_tier: 'standard' }
    payload.data = Buffer.from(JSON.stringify(call))
  })
  const [refund] = toldBy(history).decided
  expect(refund?.ruling).toMatchObject({ facts: { customer_tier: 'standard' }, people: null })
  expect(Object.keys(typeof refund?.ruling === 'object' ? refund.ruling.facts : {})).toEqual(['customer_tier'])
})
