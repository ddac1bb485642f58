import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { codeOf } from '../../src/contract/failures.ts'
import { digestOf } from '../../src/contract/digest.ts'
import type { Identity, Statement } from '../../src/contract/statement.ts'
import type { StopTarget } from '../../src/contract/stop.ts'
import type { LedgerDatabase } from '../../src/ledger/database.ts'
import { liftWithdrawals, seePerson, withdraw } from '../../src/ledger/people.ts'
import { findRun } from '../../src/ledger/runs.ts'
import { refusedStops, stopsInForce } from '../../src/ledger/stops.ts'
import { breakGlass, liftNow, stopAbout, stopNow } from '../../src/worker/stopping.ts'
import { newItem } from '../kernel/box-world.ts'
import { eventsOf, reset, workflowTasksIn } from '../support/history.ts'
import { until } from '../support/world.ts'
import { decisionBy, somebody } from './deciders.ts'
import { BEN, KEYS, OTTO, signed, useOffice } from './office.ts'

/* Who may stop something and let it go on, and who may start: judged when it is said, and refused ones stand on the record. */
const office = useOffice()
const REASON = 'it does harm'

/** Somebody in the workspace `boxes` with these scopes there. */
const granted = (...scopes: readonly string[]): Identity => somebody([], { scopes: scopes.toSorted() })

type Kind = 'stop' | 'resume'

const word = (kind: Kind, of: StopTarget, who: Identity): Statement => signed(stopAbout(kind, of, REASON), who)

async function say(kind: Kind, of: StopTarget, statement: Statement): Promise<string> {
  const said = (kind === 'stop' ? stopNow : liftNow)(office.world().db, of, { reason: REASON, statement })
  return await said.then(
    () => 'accepted',
    (error: unknown) => codeOf(error) ?? String(error),
  )
}

const isStopped = async (of: StopTarget): Promise<boolean> => (await stopsInForce(office.world().db, [of])).length > 0

/** Something that nothing else stops; to be resumed, it is stopped. */
async function target(kind: Kind, scope: StopTarget['scope']): Promise<StopTarget> {
  const run = scope === 'run' ? await office.putting(newItem()) : undefined
  // The only workspace that is one's own is that of all tests here: it is not stopped for the others.
  const of = { scope, name: run?.workflowId ?? `${scope}-${randomUUID()}` }
  if (run !== undefined) await run.outcome()
  if (kind === 'resume') await breakGlass(office.world().db, of, { by: 'nobody', reason: REASON })
  return of
}

interface Case {
  readonly what: string
  readonly scope: StopTarget['scope']
  readonly who: (kind: Kind) => Identity
  readonly code: (kind: Kind) => string
  readonly before?: (db: LedgerDatabase, who: Identity) => Promise<unknown>
}

const own = (kind: Kind): Identity => granted(`countersign:${kind}`)
const all = (kind: Kind): Identity => granted(`countersign:${kind}:all`)
const always = (code: string) => (): string => code

const CASES: readonly Case[] = [
  { what: 'a run of his workspace', scope: 'run', who: own, code: always('accepted') },
  { what: 'a run, with the scope for all', scope: 'run', who: all, code: always('accepted') },
  { what: 'a tool, with the scope for all', scope: 'tool', who: all, code: always('accepted') },
  { what: 'a playbook, with the scope for all', scope: 'playbook', who: all, code: always('accepted') },
  { what: 'another workspace, with the scope for all', scope: 'workspace', who: all, code: always('accepted') },
  { what: 'a run, with no scope', scope: 'run', who: () => granted(), code: always('scope_missing') },
  { what: 'a run, with the scope `*`', scope: 'run', who: () => granted('*'), code: always('scope_missing') },
  {
    what: 'a run, with the scope for the contrary',
    scope: 'run',
    who: (kind) => own(kind === 'stop' ? 'resume' : 'stop'),
    code: (kind) => (kind === 'stop' ? 'accepted' : 'scope_missing'),
  },
  {
    what: 'a run, with the scope of another workspace',
    scope: 'run',
    who: (kind) => ({ ...own(kind), workspace: 'other' }),
    code: always('scope_missing'),
  },
  { what: 'a tool, with the scope for his workspace', scope: 'tool', who: own, code: always('scope_missing') },
  { what: 'a playbook, with the scope for his workspace', scope: 'playbook', who: own, code: always('scope_missing') },
  { what: 'another workspace, with the scope for his', scope: 'workspace', who: own, code: always('scope_missing') },
  {
    what: 'a run, as an agent',
    scope: 'run',
    who: (kind) => ({ ...own(kind), kind: 'agent' }),
    code: (kind) => (kind === 'stop' ? 'accepted' : 'decision_by_machine'),
  },
  {
    what: 'a run, since withdrawn',
    scope: 'run',
    who: own,
    before: (db, { subject }) =>
      withdraw(db, { subject: subject.toUpperCase(), group: null, reason: 'left', by: 'otto' }),
    code: always('standing_lost'),
  },
  {
    what: 'a run, since seen in another workspace',
    scope: 'run',
    who: own,
    before: (db, { subject, issuer }) =>
      seePerson(db, { subject, issuer, groups: [], workspaces: ['other'], tokenAt: new Date() }),
    code: always('standing_lost'),
  },
]

describe.concurrent('somebody', () => {
  test.for(CASES.flatMap((each) => (['stop', 'resume'] as const).map((kind) => ({ ...each, kind }))))(
    'wants to $kind $what',
    async ({ kind, scope, who, before, code }) => {
      const { db } = office.world()
      const of = await target(kind, scope)
      const speaker = who(kind)
      const statement = word(kind, of, speaker)
      await before?.(db, speaker)
      const expected = code(kind)
      expect(await say(kind, of, statement)).toBe(expected)
      expect(await isStopped(of)).toBe((kind === 'stop') === (expected === 'accepted'))
      const refused = (await refusedStops(db)).filter(({ name }) => name === of.name)
      expect(refused).toMatchObject(
        expected === 'accepted' ? [] : [{ ...of, kind, reason: REASON, by: speaker.subject, code: expected }],
      )
    },
  )
})

test('the development issuer stops nothing, and lets nothing go on, where a gateway signs', async () => {
  const { db } = office.world()
  const who = { ...somebody(['*'], { scopes: ['*'] }), issuer: 'development', development: true }
  for (const kind of ['stop', 'resume'] as const) {
    const of = await target(kind, 'tool')
    const statement = signed(stopAbout(kind, of, REASON), who, {}, KEYS.development)
    expect(await say(kind, of, statement)).toBe('statement_development')
    expect(await isStopped(of)).toBe(kind === 'resume')
    expect((await refusedStops(db)).find(({ name }) => name === of.name)).toMatchObject({ kind, by: null })
  }
})

test('a run that nobody opened is of no workspace', async () => {
  const of = { scope: 'run', name: `run-${randomUUID()}` } as const
  expect(await say('stop', of, word('stop', of, own('stop')))).toBe('scope_missing')
  expect(await say('stop', of, word('stop', of, all('stop')))).toBe('accepted')
})

test('what was stopped without a proof says so, is in force, and takes a statement to be let go on', async () => {
  const { db } = office.world()
  const of = { scope: 'tool', name: `tool-${randomUUID()}` } as const
  const { stop, isNew } = await breakGlass(db, of, { by: 'olga', reason: 'the gateway is down' })
  expect([isNew, stop]).toMatchObject([true, { ...of, by: 'olga (break-glass: not proved)', statement: null }])
  expect(await isStopped(of)).toBe(true)
  expect(await say('resume', of, word('resume', of, granted()))).toBe('scope_missing')
  expect(await isStopped(of)).toBe(true)
  expect(await say('resume', of, word('resume', of, OTTO))).toBe('accepted')
  expect(await isStopped(of)).toBe(false)
})

test('a start that was refused does not use its workflow id up; one that was done does', async () => {
  const { world, boxes, as } = office
  const who = somebody()
  const item = newItem()
  const workflowId = `start-${randomUUID()}`
  const request = { acts: [{ tool: 'put', item }] }
  const options = { workflowId, principal: { workspace: 'boxes' } } as const
  await withdraw(world().db, { subject: who.subject, group: null, reason: 'by mistake', by: 'otto' })
  const refused = await as(who).start('chain', request, options)
  expect(await refused.outcome()).toMatchObject({ state: 'failed', because: { code: 'standing_lost' } })
  expect(boxes.asked(item)).toEqual([])
  await liftWithdrawals(world().db, { subject: who.subject.toUpperCase(), group: null, by: 'otto' })
  expect(await (await as(who).start('chain', request, options)).outcome()).toMatchObject({ state: 'completed' })
  expect(boxes.held(item)).toBe(1)
  await expect(as(who).start('chain', request, options)).rejects.toMatchObject({ type: 'run_exists' })
  expect(await as(who).execute('chain', request, options)).toMatchObject({ state: 'completed' })
  expect(boxes.held(item)).toBe(1)
})

test('a run that failed after it was opened keeps its workflow id', async () => {
  const { boxes, as } = office
  const item = newItem()
  const workflowId = `start-${randomUUID()}`
  const request = { acts: [{ tool: 'put', item: `${item}/no` }], finally: 'throw' }
  const options = { workflowId, principal: { workspace: 'boxes' } } as const
  const run = await as(BEN).start('chain', { acts: [], finally: 'throw' }, options)
  expect(await run.outcome()).toMatchObject({ state: 'failed', principal: { subject: BEN.subject } })
  await expect(as(BEN).start('chain', request, options)).rejects.toMatchObject({ type: 'run_exists' })
  expect(boxes.asked(item)).toEqual([])
})

describe.concurrent('a start', () => {
  test.each([
    [
      'was withdrawn',
      (db: LedgerDatabase, { subject }: Identity) => withdraw(db, { subject, group: null, reason: 'left', by: 'otto' }),
    ],
    [
      'was seen without the workspace',
      (db: LedgerDatabase, { subject, issuer }: Identity) =>
        seePerson(db, { subject, issuer, groups: [], workspaces: ['other'], tokenAt: new Date() }),
    ],
  ])('by somebody who %s since it was signed opens nothing: standing_lost', async (_what, before) => {
    const { world, boxes, as } = office
    const who = somebody()
    const item = newItem()
    const workflowId = `start-${randomUUID()}`
    const request = { acts: [{ tool: 'put', item }] }
    const statement = signed(
      { kind: 'start', workflowId, playbook: 'chain', requestDigest: digestOf(request), workspace: 'boxes' },
      who,
    )
    await before(world().db, who)
    await world().temporal.workflow.start('chain', {
      workflowId,
      taskQueue: world().taskQueue,
      args: [{ request, statement }],
    })
    const run = as(who).run(workflowId)
    expect(await run.outcome()).toMatchObject({ because: { code: 'standing_lost' }, effects: [] })
    expect(boxes.asked(item)).toEqual([])
    expect(await findRun(world().db, (await run.status()).runKey)).toBeUndefined()
  })
})

test('a run that was opened goes on, and is opened again after a reset, whatever becomes of whoever started it', async () => {
  const { world, boxes, as, tell, start, pendingOf } = office
  const who = somebody()
  const item = `${newItem()}/ask`
  const run = await start('chain', { acts: [{ tool: 'put', item }] }, who)
  await pendingOf(run)
  await withdraw(world().db, { subject: who.subject, group: null, reason: 'left', by: 'otto' })
  const handle = world().temporal.workflow.getHandle(run.workflowId)
  const { runId } = await handle.describe()
  const [first = 0] = workflowTasksIn(await eventsOf(world().temporal, run))
  await reset(world().temporal, run, first)
  const pending = await until('the question, once more', async () => {
    const described = await handle.describe()
    return described.runId === runId ? undefined : await pendingOf(run)
  })

  expect(await tell(run.workflowId, 'decide', decisionBy(BEN, pending, 'approve'))).toBe('accepted')
  expect(await as(BEN).run(run.workflowId).outcome()).toMatchObject({ state: 'completed' })
  expect(boxes.held(item)).toBe(1)
  await liftWithdrawals(world().db, { subject: who.subject, group: null, by: 'otto' })
})
