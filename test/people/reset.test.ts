import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { digestOfText } from '../../src/contract/digest.ts'
import type { Statement } from '../../src/contract/statement.ts'
import { eventsOf, reset, workflowTasksIn } from '../support/history.ts'
import { until } from '../support/world.ts'
import { ANA, BEN, CLEO, signed, useOffice, type Waiting } from './office.ts'

/* A reset applies again what was said before: it was heard when it was not too old yet. */
const office = useOffice()

/** Clocks may differ by thirty seconds: a statement that expires in that much less than this is too old soon. */
const SKEW_MS = 30_000
const SOON_MS = 8_000

/** A decision of Ben's that is too old soon. */
function soonExpired({ action: { runKey }, step, actionDigest }: Waiting): {
  readonly statement: Statement
  readonly isTooOld: Promise<unknown>
} {
  const about = {
    kind: 'decide',
    runKey,
    step,
    actionDigest,
    decision: 'approve',
    commentDigest: digestOfText(''),
  } as const
  const at = new Date(Date.now() - SKEW_MS)
  return { statement: signed(about, BEN, { at, validMs: SOON_MS }), isTooOld: delay(SOON_MS + 1_000) }
}

const sayIt = ({ step, actionDigest }: Waiting, workflowId: string, statement: Statement) =>
  office.tell(workflowId, 'decide', { step, actionDigest, decision: 'approve', comment: '', statement })

test.concurrent('a decision that a reset applies again counts, though its statement is too old by then', async () => {
  const { run, pending, item } = await office.waiting('pair')
  const { statement, isTooOld } = soonExpired(pending)
  expect(await sayIt(pending, run.workflowId, statement)).toBe('accepted')
  const { temporal } = office.world()
  // The workflow task that heard it: the question was asked before.
  const heard = workflowTasksIn(await eventsOf(temporal, run)).at(-1) ?? 0
  await isTooOld
  await reset(temporal, run, heard)

  // By its id, since a handle of the run before would ask that one.
  const after = office.as(CLEO).run(run.workflowId)
  const status = await until('the decision to be heard again', async () => {
    const found = await after.status()
    return found.attempts.length > 0 ? found : undefined
  })
  expect(status).toMatchObject({
    state: 'blocked',
    attempts: [{ by: BEN.subject, answer: { accepted: true } }],
    pending: [{ approvedBy: [BEN.subject] }],
  })
  const { step, actionDigest } = pending
  expect(await after.decide({ step, actionDigest, decision: 'approve', comment: '' })).toMatchObject({ accepted: true })
  expect(await after.outcome()).toMatchObject({ state: 'completed' })
  expect(office.boxes.held(item)).toBe(1)
})

test.concurrent('one that nobody heard in time, or that was heard for another run, is too old', async () => {
  const [heard, other] = await Promise.all([office.waiting('pair'), office.waiting('pair', ANA)])
  const { statement, isTooOld } = soonExpired(heard.pending)
  const late = soonExpired(heard.pending)
  expect(await sayIt(heard.pending, heard.run.workflowId, statement)).toBe('accepted')
  await isTooOld
  expect(await sayIt(heard.pending, heard.run.workflowId, late.statement)).toBe('statement_expired')
  expect(await sayIt(other.pending, other.run.workflowId, statement)).toBe('statement_expired')
  // And the same again in the same run is no second voice.
  expect(await sayIt(heard.pending, heard.run.workflowId, statement)).toBe('statement_used')
  expect(office.boxes.asked(heard.item)).toEqual([])
})
