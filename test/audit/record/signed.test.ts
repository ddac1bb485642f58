import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { recordOf } from '../../../src/audit/record/record-of.ts'
import { recordInputOf } from '../../../src/audit/record/record-of-run.ts'
import type { AuditRecord, RecordInput } from '../../../src/audit/record/types.ts'
import { explain } from '../../../src/audit/render/explain.ts'
import type { Statement } from '../../../src/contract/statement.ts'
import { type Attempt, logAttempt } from '../../../src/ledger/attempts.ts'
import { BEN, EVE, GATEWAY, signed, useOffice } from '../../people/office.ts'
import { decisionBy } from '../../people/deciders.ts'
import { expectSound, of } from './records.ts'

const office = useOffice()
const { world, waiting, tell, as, boxes } = office

/** What the log of the gateway has of a statement that it signed. */
const logged = ({ about, who, nonce, keyId }: Statement): Attempt => ({
  source: '10.0.0.7',
  refused: null,
  who: { issuer: who.issuer, subject: who.subject, workspace: who.workspace },
  about,
  signed: { nonce, keyId },
})

/** A run that Eve tried to approve and Ben approved. */
async function approvedRun() {
  const { run, pending, item, runKey } = await waiting()
  const byEve = decisionBy(EVE, pending, 'approve')
  const byBen = decisionBy(BEN, pending, 'approve', 'seen')
  expect(await tell(run.workflowId, 'decide', byEve)).toBe('decision_not_approver')
  expect(await tell(run.workflowId, 'decide', byBen)).toBe('accepted')
  await as(BEN).run(run.workflowId).outcome()
  expect(boxes.held(item)).toBe(1)
  const input = await recordInputOf({ client: world().temporal, db: world().db }, 'default', runKey)
  const [{ stored } = {}] = input.histories
  const [start] = stored?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? []
  const message = JSON.parse(Buffer.from(start?.data ?? []).toString()) as { readonly statement: Statement }
  return { run, runKey, pending, input, statements: [message.statement, byEve.statement, byBen.statement] }
}

const differencesIn = (record: AuditRecord) => of(record, 'difference').map(({ by, says }) => [says['code'], by])

test('what a gateway vouches for is signed: who asked, who tried, who approved, and what he was shown', async () => {
  const { input } = await approvedRun()
  const record = await expectSound(withoutLog(input))
  expect(of(record, 'request')).toMatchObject([{ proof: 'signed', by: 'ana@acme.example' }])
  expect(of(record, 'principal')).toMatchObject([{ proof: 'signed', by: 'ana@acme.example' }])
  expect(of(record, 'attempt')).toMatchObject([
    { proof: 'signed', by: EVE.subject, says: { answer: { accepted: false } } },
  ])
  const [approval] = of(record, 'approval')
  expect(approval).toMatchObject({ proof: 'signed', by: BEN.subject, says: { said: { comment: 'seen' } } })
  expect(approval?.says['assurance']).toContain('urn:mfa')
  expect(of(record, 'decision')[0]?.says['approvals']).toMatchObject([{ by: BEN.subject, proof: 'signed' }])
  expect(of(record, 'diff')).toMatchObject([{ proof: 'signed' }])
  expect(explain(record, of(record, 'decision')[0]?.step ?? '')?.rule).toContain('as a gateway vouches')
})

test('a key that others had, and one that nobody published, vouch for nobody', async () => {
  const { input } = await approvedRun()
  const issuers = input.keys.issuers.map((key) =>
    key.keyId === GATEWAY.keyId ? { ...key, compromisedAt: '2026-01-01T00:00:00.000Z' } : key,
  )
  for (const [keys, flaw] of [
    [{ ...input.keys, issuers }, 'which others may have'],
    [{ ...input.keys, issuers: [] }, 'unknown key'],
  ] as const) {
    const record = await recordOf({ ...withoutLog(input), keys })
    for (const kind of ['request', 'principal', 'attempt', 'approval', 'diff'] as const) {
      expect(of(record, kind).map(({ proof }) => proof)).toEqual(['claimed'])
    }
    expect(of(record, 'approval')[0]?.says['flaw']).toContain(flaw)
  }
})

test('a word that was changed after it was signed, or is about another action, is claimed', async () => {
  const { input } = await approvedRun()
  const [history] = input.histories
  const text = JSON.stringify('seen')
  for (const event of history?.stored.events ?? []) {
    const [payload] = event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.input?.args?.payloads ?? []
    if (payload?.data)
      payload.data = new TextEncoder().encode(Buffer.from(payload.data).toString().replace(text, '"paid"'))
  }
  const histories = input.histories.map(({ stored }) => ({ stored }))
  const record = await expectSound({ ...withoutLog(input), histories })
  expect(of(record, 'approval')).toMatchObject([{ proof: 'claimed', says: { said: { comment: 'paid' } } }])
  expect(of(record, 'approval')[0]?.says['flaw']).toContain('commentDigest')
})

test('statements that the gateway never signed, never came, were refused or are in its log as somebody else’s differ', async () => {
  const { input, runKey, pending, statements } = await approvedRun()
  const names = ['ana@acme.example', EVE.subject, BEN.subject]
  expect(differencesIn(await expectSound(input))).toEqual(names.map((name) => ['statement_not_logged', name]))
  const [start, byEve, byBen] = statements as [Statement, Statement, Statement]
  for (const statement of statements) await logAttempt(world().db, logged(statement))
  const again = () => recordInputOf({ client: world().temporal, db: world().db }, 'default', runKey)
  expect(differencesIn(await expectSound(await again()))).toEqual([])
  const about = { ...byBen.about } as Statement['about']
  const never = signed(about, { ...BEN, subject: 'zoe@acme.example' })
  await logAttempt(world().db, logged(never))
  const refused = { code: 'token_expired', reason: `the token of <b>${randomUUID()}</b> expired` } as const
  await logAttempt(world().db, { source: '10.0.0.8', refused, who: null, about, signed: null })
  const record = await expectSound(await again())
  expect(differencesIn(record)).toEqual([
    ['statement_never_used', 'zoe@acme.example'],
    ['refused_by_gateway', null],
  ])
  expect(of(record, 'difference').map(({ step }) => step)).toEqual([pending.step, pending.step])
  const gatewayLog = [start, byEve, { ...byBen, who: EVE }].map((one, at) => ({
    ...logged(one),
    id: `${at}`,
    at: byBen.issuedAt,
  }))
  const other = await expectSound({ ...input, gatewayLog })
  expect(differencesIn(other)).toEqual([['statement_logged_otherwise', BEN.subject]])
})

const withoutLog = ({ namespace, histories, keys }: RecordInput): RecordInput => ({ namespace, histories, keys })
