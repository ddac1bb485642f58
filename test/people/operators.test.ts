import { describe, expect, test } from 'vitest'
import { digestOf, digestOfText } from '../../src/contract/digest.ts'
import { runKeyOf } from '../../src/contract/evidence.ts'
import type { FailureCode } from '../../src/contract/failures.ts'
import type { Identity } from '../../src/contract/statement.ts'
import { storeDelegation, seePerson, withdraw } from '../../src/ledger/people.ts'
import { findRun } from '../../src/ledger/runs.ts'
import { newItem } from '../kernel/box-world.ts'
import { until } from '../support/world.ts'
import { decisionBy, somebody } from './deciders.ts'
import { ANA, BEN, CLEO, KEYS, OTTO, person, signed, useOffice } from './office.ts'
import { type Scene, sceneOf } from './targets.ts'

/* Who undoes and settles; what comes as a signal; what somebody may start, and what he may do in a run. */
const office = useOffice()
const UNTIL = new Date(Date.now() + 3_600_000).toISOString()

interface Operator {
  readonly kind: string
  readonly who: Identity
  readonly code: FailureCode
  readonly before?: (who: Identity) => Promise<unknown>
}

const OPERATORS: readonly Operator[] = [
  { kind: 'an approver who is no operator', who: BEN, code: 'undo_not_allowed' },
  { kind: 'the requester', who: ANA, code: 'undo_not_allowed' },
  { kind: 'somebody in the group `*`', who: somebody(['*']), code: 'undo_not_allowed' },
  { kind: 'somebody in a group in capitals', who: somebody(['OPERATORS']), code: 'undo_not_allowed' },
  { kind: 'an agent', who: somebody(['operators'], { kind: 'agent' }), code: 'undo_not_allowed' },
  { kind: 'a service in no group', who: somebody([], { kind: 'service' }), code: 'undo_not_allowed' },
  {
    kind: 'an operator of another workspace',
    who: somebody(['operators'], { workspace: 'other' }),
    code: 'statement_other_workspace',
  },
  {
    kind: 'an operator whose word was withdrawn',
    who: somebody(['operators']),
    code: 'standing_lost',
    before: ({ subject }) => withdraw(office.world().db, { subject, group: null, reason: 'left', by: 'otto' }),
  },
  {
    kind: 'an operator who was withdrawn from the group',
    who: somebody(['operators']),
    code: 'undo_not_allowed',
    before: ({ subject }) => withdraw(office.world().db, { subject, group: 'operators', reason: 'moved', by: 'otto' }),
  },
  {
    kind: 'a delegate of somebody who is no operator any more',
    who: somebody(),
    code: 'undo_not_allowed',
    before: async ({ subject: to }) => {
      const from = somebody(['operators'])
      const { db } = office.world()
      await storeDelegation(db, signed({ kind: 'delegate', to, group: 'operators', until: UNTIL }, from))
      await seePerson(db, {
        subject: from.subject,
        issuer: from.issuer,
        groups: [],
        workspaces: ['boxes'],
        tokenAt: new Date(),
      })
    },
  },
]

describe.concurrent('who may', () => {
  test.for(OPERATORS.flatMap((operator) => (['undo', 'resolve'] as const).map((target) => ({ ...operator, target }))))(
    '$target: not $kind: $code',
    async ({ target, who, code, before }) => {
      const scene = await sceneOf(office, target)
      const statement = signed(scene.about, who)
      await before?.(who)
      expect(await scene.send(statement)).toBe(code)
      await scene.expectNothing(code)
      await scene.expectRight()
    },
  )

  test('undo, for somebody who let him speak for him', async () => {
    const to = somebody()
    const from = somebody(['operators'])
    await storeDelegation(
      office.world().db,
      signed({ kind: 'delegate', to: to.subject, group: 'operators', until: UNTIL }, from),
    )
    const item = newItem()
    const run = await office.putting(item)
    await run.outcome()
    expect(await office.as(to).run(run.workflowId).undo({ comment: '' })).toMatchObject({ accepted: true })
    expect(await run.result()).toMatchObject({ state: 'reverted' })
    expect(office.boxes.held(item)).toBe(0)
  })
})

describe.concurrent('an undo that waits, since who asked for it does not count any more,', () => {
  const LOST = [
    ['standing_lost', null],
    ['undo_not_allowed', 'operators'],
  ] as const

  /** A run whose undo an operator asked for who was withdrawn while it waited for something else. */
  async function stuck(code: FailureCode, group: string | null) {
    const { boxes, putting, as, world } = office
    const item = newItem()
    const first = somebody(['operators'])
    boxes.scriptUndo(item, 'refuse')
    const run = await putting(item)
    await run.outcome()
    expect(await as(first).run(run.workflowId).undo({ comment: 'the wrong box' })).toMatchObject({ accepted: true })
    const incidentOf = (is: (code: string) => boolean) =>
      until('an incident', async () => (await run.status()).incidents.find((one) => is(one.code)))
    const { step } = await incidentOf((one) => one !== code)
    await withdraw(world().db, { subject: first.subject, group, reason: 'left', by: 'otto' })
    await as(OTTO).run(run.workflowId).resolve({ step, resolution: 'retry' })
    await incidentOf((one) => one === code)
    return { item, run, step, first }
  }

  test.for(LOST)('%s: goes on with the word of another operator, once, in his name', async ([code, group]) => {
    const { boxes, as, tell, ledgerOf } = office
    const { item, run, step, first } = await stuck(code, group)
    // A retry is on the word of the first, who does not count.
    await as(OTTO).run(run.workflowId).resolve({ step, resolution: 'retry' })
    await until('the incident to come again', async () =>
      (await run.status()).incidents.some((one) => one.code === code) ? true : undefined,
    )
    expect(boxes.held(item)).toBe(1)
    const { runKey } = await run.status()
    const about = { kind: 'undo', runKey, whyDigest: digestOfText('') } as const
    for (const [who, refusal] of [
      [BEN, 'undo_not_allowed'],
      [first, code],
      [somebody(['operators'], { kind: 'agent' }), 'undo_not_allowed'],
    ] as const) {
      expect(await tell(run.workflowId, 'undo', { comment: '', statement: signed(about, who) })).toBe(refusal)
    }
    expect([boxes.held(item), boxes.asked(item, 'undo')]).toMatchObject([1, { length: 1 }])
    const other = somebody(['operators'])
    expect(await as(other).run(run.workflowId).undo({ comment: 'still wrong' })).toMatchObject({ accepted: true })
    expect(await run.result()).toMatchObject({
      state: 'reverted',
      because: { code: 'undo_requested', by: other.subject },
    })
    expect(boxes.held(item)).toBe(0)
    expect(await ledgerOf(runKey)).toEqual([`${step}: undone`])
  })
})

test('an undo that waits for something else takes no second word', async () => {
  const { boxes, putting, as } = office
  const item = newItem()
  boxes.scriptUndo(item, 'refuse')
  const run = await putting(item)
  await run.outcome()
  await as(OTTO).run(run.workflowId).undo({ comment: '' })
  await until('an incident', async () => (await run.status()).incidents[0])
  expect(await as(CLEO).run(run.workflowId).undo({ comment: '' })).toMatchObject({
    accepted: false,
    code: 'undo_not_completed',
  })
  expect(boxes.asked(item, 'undo')).toHaveLength(1)
})

/** What comes as a signal is answered by nobody: the record has it. */
const UNSIGNED: readonly (readonly [
  what: string,
  code: FailureCode,
  make: (scene: Scene) => unknown,
  more?: object,
])[] = [
  ['without a statement', 'statement_missing', () => undefined],
  ['with a name', 'statement_missing', () => undefined, { by: OTTO.subject }],
  [
    'with a forged statement',
    'statement_signature_wrong',
    ({ about, who }) => ({ ...signed(about, who, {}, KEYS.unknown), keyId: signed(about, who).keyId }),
  ],
  [
    'with a statement by an unknown key',
    'statement_key_unknown',
    ({ about, who }) => signed(about, who, {}, KEYS.unknown),
  ],
  [
    'with a statement of another kind',
    'statement_other_use',
    ({ who }) => signed({ kind: 'resume', scope: 'tool', name: 'box.put', whyDigest: digestOfText('') }, who),
  ],
  [
    'with a statement of the development issuer',
    'statement_development',
    ({ about, who }) => signed(about, { ...who, issuer: 'development', development: true }, {}, KEYS.development),
  ],
]
const SIGNALS = ['decide', 'undo', 'resolve'] as const

describe.concurrent('a signal', () => {
  test.for(SIGNALS.flatMap((name) => UNSIGNED.map(([what, code, make, more]) => ({ name, what, code, make, more }))))(
    '$name $what does nothing: $code',
    async ({ name, code, make, more = {} }) => {
      const item = newItem()
      if (name === 'resolve') office.boxes.scriptUndo(item, 'refuse')
      const run = await office.start('chain', {
        acts: [{ tool: 'put', item: name === 'decide' ? `${item}/ask` : item }],
        finally: name === 'resolve' ? 'throw' : 'return',
      })
      const { temporal } = office.world()
      const about = await until('something to be said', async () => {
        const { pending, incidents, state, runKey } = await run.status()
        const [asked] = pending
        if (name === 'decide' && asked !== undefined) {
          const { step, actionDigest } = asked
          return {
            kind: name,
            runKey,
            step,
            actionDigest,
            decision: 'approve',
            commentDigest: digestOfText(''),
          } as const
        }
        const step = incidents[0]?.step
        if (name === 'resolve' && step !== undefined) {
          return { kind: name, runKey, step, resolution: 'settled', commentDigest: digestOfText('') } as const
        }
        return name === 'undo' && state === 'completed'
          ? ({ kind: name, runKey, whyDigest: digestOfText('') } as const)
          : undefined
      })
      const {
        kind: _,
        runKey: _runKey,
        commentDigest: _words,
        whyDigest: _why,
        ...said
      } = { commentDigest: '', whyDigest: '', ...about }
      const statement = make({ about, who: name === 'decide' ? BEN : OTTO } as Scene)
      await temporal.workflow
        .getHandle(run.workflowId)
        .signal(name, { ...said, ...more, ...(statement === undefined ? {} : { statement }) })
      const noted = await until('what came of it', async () => {
        const { attempts, timeline } = await run.status()
        const refused = timeline.find(({ kind, text }) => kind === 'note' && text.includes('was refused'))
        return refused === undefined ? undefined : { attempts, refused }
      })
      expect(noted.attempts).toMatchObject([{ kind: name, by: null, answer: { accepted: false, code } }])
      expect(office.boxes.held(`${item}/ask`)).toBe(0)
      expect(office.boxes.asked(item, 'undo')).toHaveLength(name === 'resolve' ? 1 : 0)
      expect((await run.status()).state).toBe(name === 'undo' ? 'completed' : 'blocked')
    },
  )

  test.for(SIGNALS)('%s that comes with the start, before anything waits, does nothing', async (name) => {
    const item = newItem()
    const workflowId = `early-${item}`
    const { temporal, taskQueue } = office.world()
    const request = { acts: [{ tool: 'put', item: `${item}/ask` }] }
    const about = {
      kind: 'start',
      workflowId,
      playbook: 'chain',
      requestDigest: digestOf(request),
      workspace: 'boxes',
    } as const
    const runKey = runKeyOf(workflowId, 'run-1')
    const said = {
      decide: { step: 'box.put-1', decision: 'approve', actionDigest: digestOf({}) },
      undo: {},
      resolve: { step: 'box.put-1', resolution: 'settled' },
    }[name]
    const statement = signed({ kind: 'undo', runKey, whyDigest: digestOfText('') }, CLEO)
    await temporal.workflow.signalWithStart('chain', {
      workflowId,
      taskQueue,
      args: [{ request, statement: signed(about, ANA) }],
      signal: name,
      signalArgs: [{ ...said, statement }],
    })
    const run = office.as(ANA).run(workflowId)
    await office.pendingOf(run)
    const { timeline } = await run.status()
    expect(timeline.some(({ text }) => text.includes('was refused'))).toBe(true)
    expect(office.boxes.asked(`${item}/ask`)).toEqual([])
  })
})

const SCOPES: readonly (readonly [what: string, who: Identity])[] = [
  ['no scope', person('ana', [], { scopes: [] })],
  ['another scope', person('ana', [], { scopes: ['box:look'] })],
  ['the scope in capitals', person('ana', [], { scopes: ['BOX:USE'] })],
  ['the scope `*`', person('ana', [], { scopes: ['*'] })],
  ['a scope that begins so', person('ana', [], { scopes: ['box:use:all'] })],
  // The gateway puts in what he has in the workspace that he speaks in.
  ['the scope in another workspace only', person('ana', [], { scopes: [], workspace: 'other' })],
  ['the scope as a group', person('ana', ['box:use'], { scopes: [] })],
  ['an agent without the scope', person('bot', [], { kind: 'agent', scopes: [] })],
  ['a service without the scope', person('job', [], { kind: 'service', scopes: [] })],
]

describe.concurrent('whoever has', () => {
  test.for(
    SCOPES.flatMap(([what, who]) => (['put', 'send', 'burn', 'drop'] as const).map((tool) => ({ what, who, tool }))),
  )('$what does not `$tool`: scope_missing', async ({ who, tool }) => {
    const item = newItem()
    const run = await office.start('chain', { acts: [{ tool, item }] }, who)
    const result = await run.result()
    expect(result).toMatchObject({
      state: 'refused',
      because: { code: 'scope_missing' },
      principal: { subject: who.subject },
    })
    expect([office.boxes.asked(item), office.boxes.asked(item, 'preview')]).toEqual([[], []])
    expect(await office.ledgerOf(result.runKey)).toEqual([])
  })

  test('no scope reads nothing', async () => {
    const run = await office.start('cites', { item: newItem(), what: 'box' }, person('ana', [], { scopes: [] }))
    expect(await run.result()).toMatchObject({ state: 'refused', because: { code: 'scope_missing' } })
  })
})

/** Fields beside what is read: a token has no place in a history. */
const TOKENS: readonly (readonly [what: string, message: object])[] = [
  ['a token', { token: 'eyJhbGciOiJSUzI1NiJ9.e30.AAAA' }],
  ['an authorization', { authorization: 'Bearer eyJhbGciOiJSUzI1NiJ9.e30.AAAA' }],
  ['a principal', { principal: { subject: 'boss@acme.example' } }],
]

describe.concurrent('a message with', () => {
  test.for(TOKENS)('%s beside its statement is refused, as a decision and as a start', async ([, more]) => {
    const deciding = await sceneOf(office, 'approve')
    expect(await deciding.send(signed(deciding.about, BEN), more)).toBe('decision_malformed')
    await deciding.expectNothing('decision_malformed')
    const starting = await sceneOf(office, 'start')
    expect(await starting.send(signed(starting.about, ANA), more)).toBe('request_invalid')
    await starting.expectNothing('request_invalid')
  })

  test('the principal of old, and no statement, starts nothing', async () => {
    const scene = await sceneOf(office, 'start')
    expect(await scene.send(undefined, { principal: { subject: ANA.subject, workspace: 'boxes' } })).toBe(
      'statement_missing',
    )
    await scene.expectNothing('statement_missing')
  })
})

describe.concurrent('nobody completes for the host', () => {
  test('what hears and opens is a local activity, which no client can complete', async () => {
    const { run, pending, item, runKey } = await office.waiting()
    const { temporal } = office.world()
    const { workflowId } = run
    const runId = runKey.slice(runKey.lastIndexOf('/') + 1)
    const heard = { by: BEN.subject, standing: { groups: ['approvers'], delegated: [] }, statement: {} }
    for (const activityId of ['1', '2', '3', 'countersign.hear', 'countersign.openRun']) {
      const done = temporal.activity.complete({ workflowId, runId, activityId }, heard)
      await expect(done).rejects.toThrow(/not found/i)
    }
    // While a decision is being heard as well.
    const telling = office.tell(workflowId, 'decide', { ...decisionBy(BEN, pending, 'approve'), statement: undefined })
    expect(await telling).toBe('statement_missing')
    const { events } = await temporal.workflow.getHandle(workflowId).fetchHistory()
    const scheduled = (events ?? []).flatMap(
      ({ activityTaskScheduledEventAttributes: it }) => it?.activityType?.name ?? [],
    )
    expect(scheduled.filter((type) => type.startsWith('countersign.'))).toEqual([])
    expect(office.boxes.asked(item)).toEqual([])
  })
})

test('a run that is started on behalf of somebody is nobody else’s, and the row says so', async () => {
  const { run, runKey } = await office.waiting('ask', person('bot', [], { kind: 'agent' }), CLEO.subject)
  expect(await findRun(office.world().db, runKey)).toMatchObject({
    principal: { subject: 'bot@acme.example', onBehalfOf: CLEO.subject },
  })
  const pending = await office.pendingOf(run)
  expect(await office.tell(run.workflowId, 'decide', decisionBy(CLEO, pending, 'approve'))).toBe(
    'decision_by_requester',
  )
})
