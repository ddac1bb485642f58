import { describe, expect, test } from 'vitest'
import { inputDigestOf } from '../../src/contract/action.ts'
import { digestOf, digestOfText } from '../../src/contract/digest.ts'
import type { Json } from '../../src/contract/json.ts'
import type { FailureCode } from '../../src/contract/failures.ts'
import type { Identity } from '../../src/contract/statement.ts'
import { storeDelegation, withdraw } from '../../src/ledger/people.ts'
import { newItem } from '../kernel/box-world.ts'
import { decisionBy, somebody, WORDS } from './deciders.ts'
import { ANA, BEN, CLEO, EVE, OTTO, person, signed, useOffice } from './office.ts'

/* Whether what was said once counts again, for something else, or twice. */
const office = useOffice()
const tell = (workflowId: string, message: unknown) => office.tell(workflowId, 'decide', message)
const UNTIL = new Date(Date.now() + 3_600_000).toISOString()
const delegate = (from: Identity, to: Identity) =>
  storeDelegation(
    office.world().db,
    signed({ kind: 'delegate', to: to.subject, group: 'approvers', until: UNTIL }, from),
  )

describe.concurrent('replayed', () => {
  test.for(WORDS)('the statement of a %s counts for no second message of its run', async (word) => {
    const { run, pending, item } = await office.waiting('pair')
    const message = decisionBy(BEN, pending, word)
    expect(await tell(run.workflowId, message)).toBe('accepted')
    // Whoever says no or changes it has ended the question; the run may be over by then.
    const codes = {
      approve: ['statement_used'],
      reject: ['decision_already_made', 'run_not_found'],
      change: ['decision_already_made', 'decision_wrong_digest'],
    }
    expect(codes[word]).toContain(await tell(run.workflowId, message))
    expect(office.boxes.asked(item)).toEqual([])
    const { result, pending: waits } = await run.status()
    expect(word === 'approve' ? waits[0]?.approvedBy : (result?.state ?? 'asks again')).toEqual(
      { approve: [BEN.subject], reject: 'refused', change: 'asks again' }[word],
    )
  })

  test.for(WORDS)('the statement of a %s counts in no other run', async (word) => {
    const [one, other] = [await office.waiting(), await office.waiting()]
    const message = decisionBy(BEN, one.pending, word)
    const { statement } = message
    expect(await tell(other.run.workflowId, { ...decisionBy(BEN, other.pending, word), statement })).toBe(
      'statement_other_run',
    )
    expect(office.boxes.asked(other.item)).toEqual([])
    expect(await other.run.status()).toMatchObject({
      attempts: [{ by: null, answer: { code: 'statement_other_run' } }],
    })
    expect(await tell(one.run.workflowId, message)).toBe('accepted')
  })

  test('the statement of a start starts one run', async () => {
    const item = newItem()
    const workflowId = `once-${item}`
    const { temporal, taskQueue } = office.world()
    const run = await office.putting(item, ANA, { workflowId })
    expect(await run.outcome()).toMatchObject({ state: 'completed' })
    const handle = temporal.workflow.getHandle(workflowId)
    const { events } = await handle.fetchHistory()
    const [input] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? []
    const args = [JSON.parse(Buffer.from(input?.data ?? []).toString('utf8')) as unknown]
    await handle.terminate('a test')
    await temporal.workflow.start('chain', { workflowId, taskQueue, args })
    expect(await office.as(ANA).run(workflowId).outcome()).toMatchObject({
      state: 'failed',
      because: { code: 'statement_used' },
    })
    expect(office.boxes.asked(item)).toHaveLength(1)
  })

  test('the statement of an undo undoes no later run of the same workflow id', async () => {
    const item = newItem()
    const run = await office.putting(item, ANA, { workflowId: `undo-${item}` })
    const { runKey } = await run.outcome()
    const about = { kind: 'undo', runKey, whyDigest: digestOfText('') } as const
    const message = { statement: signed(about, OTTO) }
    expect(await office.tell(run.workflowId, 'undo', message)).toBe('accepted')
    expect(await run.result()).toMatchObject({ state: 'reverted', because: { by: OTTO.subject } })
    const { temporal, taskQueue } = office.world()
    const request = { acts: [{ tool: 'put', item }] }
    const start = {
      kind: 'start',
      workflowId: run.workflowId,
      playbook: 'chain',
      requestDigest: digestOf(request),
      workspace: 'boxes',
    } as const
    const args = [{ request, statement: signed(start, ANA) }]
    await temporal.workflow.start('chain', { workflowId: run.workflowId, taskQueue, args })
    const later = office.as(ANA).run(run.workflowId)
    expect(await later.outcome()).toMatchObject({ state: 'completed' })
    expect(await office.tell(run.workflowId, 'undo', message)).toBe('statement_other_run')
    expect([(await later.status()).state, office.boxes.held(item)]).toEqual(['completed', 1])
  })
})

const variants = (subject: string): readonly (readonly [string, string])[] => [
  ['again', subject],
  ['in capitals', subject.toUpperCase()],
  ['in full width', subject.replace('p', 'ｐ')],
  ['with a zero-width joiner', `${subject.slice(0, 3)}\u200d${subject.slice(3)}`],
]

describe.concurrent('two approvals', () => {
  test.for(variants('p').map(([kind], at) => ({ kind, at })))(
    'by one person, $kind, are one: decision_repeated',
    async ({ at }) => {
      const who = somebody(['approvers'])
      const { run, pending, item } = await office.waiting('pair')
      expect(await tell(run.workflowId, decisionBy(who, pending, 'approve'))).toBe('accepted')
      const [, subject = ''] = variants(who.subject)[at] ?? []
      expect(await tell(run.workflowId, decisionBy({ ...who, subject }, pending, 'approve'))).toBe('decision_repeated')
      expect(await run.status()).toMatchObject({
        state: 'blocked',
        attempts: [{}, { answer: { code: 'decision_repeated' } }],
      })
      expect(office.boxes.asked(item)).toEqual([])
      expect(await tell(run.workflowId, decisionBy(CLEO, pending, 'approve'))).toBe('accepted')
      expect(await office.as(CLEO).run(run.workflowId).outcome()).toMatchObject({ state: 'completed' })
      expect(office.boxes.held(item)).toBe(1)
    },
  )

  test.for([
    ['by somebody and who speaks for him', (from: Identity, to: Identity) => [from, to]],
    ['by who speaks for somebody and that one', (from: Identity, to: Identity) => [to, from]],
  ] as const)('%s are one', async ([, order]) => {
    const [from, to] = [somebody(['approvers']), somebody()]
    await delegate(from, to)
    const { run, pending, item } = await office.waiting('pair')
    for (const who of order(from, to))
      expect(await tell(run.workflowId, decisionBy(who, pending, 'approve'))).toBe('accepted')
    expect(await run.status()).toMatchObject({ state: 'blocked', waitingFor: 'approval' })
    expect(office.boxes.asked(item)).toEqual([])
    expect(await tell(run.workflowId, decisionBy(BEN, pending, 'approve'))).toBe('accepted')
    expect(await office.as(BEN).run(run.workflowId).outcome()).toMatchObject({ state: 'completed' })
    expect(office.boxes.held(item)).toBe(1)
  })

  test('by two who speak for the same person are one', async () => {
    const [from, to, other] = [somebody(['approvers']), somebody(), somebody()]
    await delegate(from, to)
    await delegate(from, other)
    const { run, pending, item } = await office.waiting('pair')
    for (const who of [to, other])
      expect(await tell(run.workflowId, decisionBy(who, pending, 'approve'))).toBe('accepted')
    expect(await run.status()).toMatchObject({ state: 'blocked', waitingFor: 'approval' })
    expect(office.boxes.asked(item)).toEqual([])
    expect(await office.ledgerOf(pending.action.runKey)).toEqual([])
  })

  test.for([
    ['altogether', null],
    ['from the group', 'approvers'],
  ] as const)(
    'of whom the first is withdrawn %s before the second allow nothing; the run asks again',
    async ([, group]) => {
      const first = somebody(['approvers'])
      const { run, pending, item } = await office.waiting('pair')
      expect(await tell(run.workflowId, decisionBy(first, pending, 'approve'))).toBe('accepted')
      await withdraw(office.world().db, { subject: first.subject, group, reason: 'left', by: 'otto' })
      expect(await tell(run.workflowId, decisionBy(BEN, pending, 'approve'))).toBe('accepted')
      const again = await office.pendingOf(run, pending.actionDigest).catch(() => undefined)
      const status = await run.status()
      expect(office.boxes.asked(item)).toEqual([])
      expect(await office.ledgerOf(pending.action.runKey)).toEqual([])
      expect([status.state, again !== undefined]).toEqual(['blocked', true])
      for (const who of [BEN, CLEO]) {
        const waits = again ?? pending
        expect(await tell(run.workflowId, decisionBy(who, waits, 'approve'))).toBe('accepted')
      }
      expect(await office.as(BEN).run(run.workflowId).outcome()).toMatchObject({ state: 'completed' })
      expect(office.boxes.held(item)).toBe(1)
    },
  )
})

describe.concurrent('a change', () => {
  test('is decided anew: an approval of what was asked before counts no more, nor does that of who changed it', async () => {
    const { run, pending, item } = await office.waiting()
    const early = decisionBy(CLEO, pending, 'approve')
    expect(await tell(run.workflowId, decisionBy(BEN, pending, 'change'))).toBe('accepted')
    const changed = await office.pendingOf(run, pending.actionDigest)
    const refused: readonly (readonly [unknown, FailureCode])[] = [
      [early, 'decision_wrong_digest'],
      [{ ...early, actionDigest: changed.actionDigest }, 'statement_other_action'],
      [decisionBy(BEN, changed, 'approve'), 'decision_by_requester'],
      [
        decisionBy(person('ben', ['approvers'], { subject: 'BEN@acme.example' }), changed, 'approve'),
        'decision_by_requester',
      ],
      [decisionBy(BEN, changed, 'reject'), 'decision_by_requester'],
      [decisionBy(EVE, changed, 'approve'), 'decision_not_approver'],
    ]
    for (const [message, code] of refused) expect(await tell(run.workflowId, message)).toBe(code)
    expect((await run.status()).attempts.slice(1).map(({ answer }) => !answer.accepted && answer.code)).toEqual(
      refused.map(([, code]) => code),
    )
    expect([office.boxes.asked(item), office.boxes.asked(`${item}/otherwise`)]).toEqual([[], []])
    expect(await tell(run.workflowId, decisionBy(CLEO, changed, 'approve'))).toBe('accepted')
    expect(await office.as(CLEO).run(run.workflowId).outcome()).toMatchObject({ state: 'completed' })
    expect([office.boxes.held(item), office.boxes.held(`${item}/otherwise`)]).toEqual([0, 1])
  })

  const to = (input: Json | undefined, signedInput: Json = input ?? null) => ({ input, signedInput })
  test.for([
    ['to another item than was signed', to({ item: 'a' }, { item: 'b' }), 'statement_other_action'],
    ['to what the tool cannot read', to({ box: 'a' }), 'decision_malformed'],
    ['to nothing', to(undefined, {}), 'decision_malformed'],
    ['with a field more', to({ item: 'a', count: 2 }), 'decision_malformed'],
  ] as const)('%s is refused', async ([, { input, signedInput }, code]) => {
    const { run, pending, item } = await office.waiting()
    const message = decisionBy(BEN, pending, 'change')
    const { about } = message.statement
    const statement = signed({ ...about, inputDigest: inputDigestOf('box.put', signedInput) } as typeof about, BEN)
    const { input: _, ...rest } = message
    expect(await tell(run.workflowId, { ...rest, ...(input === undefined ? {} : { input }), statement })).toBe(code)
    expect(await run.status()).toMatchObject({ state: 'blocked', pending: [{ actionDigest: pending.actionDigest }] })
    expect(office.boxes.asked(item)).toEqual([])
  })

  async function changedTo(item: string, into: string) {
    const run = await office.putting(`${item}/ask`)
    const pending = await office.pendingOf(run)
    const message = decisionBy(BEN, pending, 'change')
    const { about } = message.statement
    const statement = signed({ ...about, inputDigest: inputDigestOf('box.put', { item: into }) } as typeof about, BEN)
    expect(await tell(run.workflowId, { ...message, input: { item: into }, statement })).toBe('accepted')
    return run
  }

  test('into what the policy denies ends the run as refused', async () => {
    const item = newItem()
    const run = await changedTo(item, `${item}/forbidden`)
    expect(await run.result()).toMatchObject({ state: 'refused' })
    expect(office.boxes.asked(`${item}/forbidden`)).toEqual([])
  })

  test('into what the policy lets pass needs nobody else', async () => {
    const item = newItem()
    const run = await changedTo(item, `${item}/free`)
    expect(await run.outcome()).toMatchObject({ state: 'completed' })
    expect([office.boxes.held(`${item}/free`), office.boxes.asked(`${item}/ask`)]).toEqual([1, []])
  })

  test('into another thing than the evidence is of does nothing', async () => {
    const item = newItem()
    const run = await office.start('cites', { item, what: 'box' })
    const pending = await office.pendingOf(run)
    const message = decisionBy(BEN, pending, 'change')
    const { about } = message.statement
    const input = { item: `${item}/another` }
    const statement = signed({ ...about, inputDigest: inputDigestOf('box.pay', input) } as typeof about, BEN)
    expect(await tell(run.workflowId, { ...message, input, statement })).toBe('accepted')
    const result = await run.result()
    expect(result.state).not.toBe('completed')
    expect(result.because?.message).toContain(`the box is of \`${item}\``)
    expect([office.boxes.asked(item), office.boxes.asked(`${item}/another`)]).toEqual([[], []])
  })
})
