import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { toldBy } from '../../src/audit/told.ts'
import { KERNEL_VERSION } from '../../src/contract/wire.ts'

const folder = join(import.meta.dirname, '..', 'replay', 'histories', KERNEL_VERSION)

/** What was decided on in a kept history. */
const decidedIn = (file: string) =>
  toldBy(historyFromJSON(JSON.parse(readFileSync(join(folder, file), 'utf8')))).decided.map(({ step, ruling }) => {
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
  expect(Object.fromEntries(told.map((name) => [name, decidedIn(name)]))).toEqual(DECIDED)
})
