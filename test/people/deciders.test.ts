import { describe, expect, test } from 'vitest'
import type { FailureCode } from '../../src/contract/failures.ts'
import type { Identity } from '../../src/contract/statement.ts'
import type { LedgerDatabase } from '../../src/ledger/database.ts'
import { seePerson, storeDelegation, withdraw } from '../../src/ledger/people.ts'
import { decisionBy, expectRefused, somebody, WORDS } from './deciders.ts'
import { ANA, BEN, CLEO, EVE, KEYS, OTTO, person, signed, useOffice } from './office.ts'

/* Who decides: people with a good statement whose word does not count. Each is refused with its code, has no effect and is on the record. */
const office = useOffice()

interface Attacker {
  readonly kind: string
  readonly code: FailureCode
  readonly who: Identity
  readonly requester?: Identity
  readonly onBehalfOf?: string
  /** What happened before he speaks. */
  readonly before?: (db: LedgerDatabase, who: Identity) => Promise<unknown>
}

const named = (subject: string): Identity => person('any', ['approvers'], { subject })
const APPROVING_ANA = person('ana', ['approvers'])
const withdrawn = (group: string | null, as = (subject: string): string => subject) => ({
  who: somebody(['approvers']),
  before: (db: LedgerDatabase, { subject }: Identity) =>
    withdraw(db, { subject: as(subject), group, reason: 'left', by: 'otto' }),
})
const seen = (over: { groups?: readonly string[]; workspaces?: readonly string[] }) => ({
  who: somebody(['approvers']),
  before: (db: LedgerDatabase, { subject, issuer }: Identity) =>
    seePerson(db, { subject, issuer, groups: ['approvers'], workspaces: ['boxes'], ...over, tokenAt: new Date() }),
})

/** Lets somebody speak for somebody else; `who` is not in the group himself. */
const delegated = ({
  from = somebody(['approvers']),
  who = somebody(),
  group = 'approvers',
  minutes = 60,
  key,
  afterwards,
}: {
  readonly from?: Identity
  readonly who?: Identity
  readonly group?: string
  readonly minutes?: number
  readonly key?: (typeof KEYS)[keyof typeof KEYS]
  readonly afterwards?: (db: LedgerDatabase, from: Identity, to: Identity) => Promise<unknown>
} = {}) => ({
  who,
  before: async (db: LedgerDatabase) => {
    const until = new Date(Date.now() + minutes * 60_000).toISOString()
    await storeDelegation(db, signed({ kind: 'delegate', to: who.subject, group, until }, from, {}, key))
    await afterwards?.(db, from, who)
  },
})
const until = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toISOString()

/** Anew each time: what happened before one of them speaks must not happen to another. */
const attackers = (): readonly Attacker[] => [
  { kind: 'the requester', code: 'decision_by_requester', who: APPROVING_ANA },
  { kind: 'the requester in capitals', code: 'decision_by_requester', who: named('ANA@ACME.example') },
  { kind: 'the requester in full width', code: 'decision_by_requester', who: named('ａｎａ@acme.example') },
  {
    kind: 'the requester with a zero-width space',
    code: 'decision_by_requester',
    who: named('ana\u200b@acme.example'),
  },
  { kind: 'the requester with a soft hyphen', code: 'decision_by_requester', who: named('an\u00ada@acme.example') },
  {
    kind: 'the requester at another provider',
    code: 'decision_by_requester',
    who: person('ana', ['approvers'], { issuer: 'https://other.example' }),
  },
  { kind: 'whom the requester acts for', code: 'decision_by_requester', who: CLEO, onBehalfOf: CLEO.subject },
  {
    kind: 'whom the requester acts for, in capitals',
    code: 'decision_by_requester',
    who: named('CLEO@acme.example'),
    onBehalfOf: CLEO.subject,
  },
  {
    kind: 'the agent that acts for somebody',
    code: 'decision_by_machine',
    who: person('bot', ['approvers'], { kind: 'agent' }),
    requester: person('bot', [], { kind: 'agent' }),
    onBehalfOf: ANA.subject,
  },
  { kind: 'an agent', code: 'decision_by_machine', who: somebody(['approvers'], { kind: 'agent' }) },
  { kind: 'a service', code: 'decision_by_machine', who: somebody(['approvers'], { kind: 'service' }) },
  { kind: 'somebody in no group', code: 'decision_not_approver', who: somebody() },
  { kind: 'somebody in another group', code: 'decision_not_approver', who: EVE },
  { kind: 'an operator who is no approver', code: 'decision_not_approver', who: OTTO },
  { kind: 'somebody in the group `*`', code: 'decision_not_approver', who: somebody(['*']) },
  { kind: 'somebody in a group in capitals', code: 'decision_not_approver', who: somebody(['APPROVERS', 'Approvers']) },
  { kind: 'somebody in a longer group', code: 'decision_not_approver', who: somebody(['approvers2', 'no-approvers']) },
  { kind: 'somebody whose word was withdrawn', code: 'standing_lost', ...withdrawn(null) },
  {
    kind: 'somebody whose word was withdrawn in other letters',
    code: 'standing_lost',
    ...withdrawn(null, (subject) => subject.toUpperCase()),
  },
  { kind: 'somebody withdrawn from the group', code: 'decision_not_approver', ...withdrawn('approvers') },
  { kind: 'somebody since seen without the group', code: 'decision_not_approver', ...seen({ groups: [] }) },
  { kind: 'somebody since seen in the group `*`', code: 'decision_not_approver', ...seen({ groups: ['*'] }) },
  { kind: 'somebody since seen in another workspace', code: 'standing_lost', ...seen({ workspaces: ['other'] }) },
  {
    kind: 'a delegate of the requester',
    code: 'decision_not_approver',
    ...delegated({ from: APPROVING_ANA, who: somebody() }),
  },
  {
    kind: 'a delegate of whom the requester acts for',
    code: 'decision_not_approver',
    onBehalfOf: CLEO.subject,
    ...delegated({ from: CLEO, who: somebody() }),
  },
  { kind: 'a delegate whose time is over', code: 'decision_not_approver', ...delegated({ minutes: -1 }) },
  {
    kind: 'a delegate whose delegation was ended by a newer one',
    code: 'decision_not_approver',
    ...delegated({
      afterwards: (db, from, to) =>
        storeDelegation(db, signed({ kind: 'delegate', to: to.subject, group: 'approvers', until: until(-1) }, from)),
    }),
  },
  {
    kind: 'a delegate in another group',
    code: 'decision_not_approver',
    ...delegated({ from: somebody(['approvers', 'support']), group: 'support' }),
  },
  {
    kind: 'a delegate in another workspace',
    code: 'decision_not_approver',
    ...delegated({ from: somebody(['approvers'], { workspace: 'other' }) }),
  },
  {
    kind: 'a delegate of somebody who was withdrawn',
    code: 'decision_not_approver',
    ...delegated({
      afterwards: (db, { subject }) => withdraw(db, { subject, group: null, reason: 'left', by: 'otto' }),
    }),
  },
  {
    kind: 'a delegate of somebody who was withdrawn from the group',
    code: 'decision_not_approver',
    ...delegated({
      afterwards: (db, { subject }) => withdraw(db, { subject, group: 'approvers', reason: 'moved', by: 'otto' }),
    }),
  },
  {
    kind: 'a delegate of somebody since seen without the group',
    code: 'decision_not_approver',
    ...delegated({
      afterwards: (db, { subject, issuer }) =>
        seePerson(db, { subject, issuer, groups: [], workspaces: ['boxes'], tokenAt: new Date() }),
    }),
  },
  {
    kind: 'a delegate of a delegate',
    code: 'decision_not_approver',
    ...(() => {
      const [middle, last] = [somebody(['approvers']), somebody()]
      return delegated({
        who: last,
        from: middle,
        // Who has the group himself no more, has nothing to pass on of what others let him speak for.
        afterwards: async (db) => {
          await withdraw(db, { subject: middle.subject, group: 'approvers', reason: 'moved', by: 'otto' })
          await storeDelegation(
            db,
            signed({ kind: 'delegate', to: middle.subject, group: 'approvers', until: until(60) }, BEN),
          )
        },
      })
    })(),
  },
  {
    kind: 'a delegate by a key that is compromised',
    code: 'decision_not_approver',
    ...delegated({ key: KEYS.compromised }),
  },
  {
    kind: 'a delegate by a key that nobody published',
    code: 'decision_not_approver',
    ...delegated({ key: KEYS.unknown }),
  },
  {
    kind: 'a delegate of the development issuer',
    code: 'decision_not_approver',
    ...delegated({ from: person('boss', ['*'], { issuer: 'development', development: true }), key: KEYS.development }),
  },
  {
    kind: 'a delegate that is a service',
    code: 'decision_by_machine',
    ...delegated({ who: somebody([], { kind: 'service' }) }),
  },
]

const CASES = WORDS.flatMap((word) => attackers().map((attacker) => ({ ...attacker, word })))

describe.concurrent('a decision', () => {
  test.for(CASES)('to $word by $kind: $code', async ({ who, word, code, before, requester = ANA, onBehalfOf }) => {
    const waiting = await office.waiting('ask', requester, onBehalfOf)
    if (before === undefined) return await expectRefused(office, waiting, { who, word, code })
    // He has his statement already, and is looked at only as he speaks.
    const message = decisionBy(who, waiting.pending, word)
    await before(office.world().db, who)
    expect(await office.tell(waiting.run.workflowId, 'decide', message)).toBe(code)
    const { attempts, state } = await waiting.run.status()
    expect([state, attempts]).toMatchObject(['blocked', [{ by: who.subject, answer: { accepted: false, code } }]])
    expect(office.boxes.asked(waiting.item)).toEqual([])
    expect(await office.ledgerOf(waiting.runKey)).toEqual([])
    // What the gateway signs for him from now on says no more than it knows by now; others count.
    expect(await office.tell(waiting.run.workflowId, 'decide', decisionBy(BEN, waiting.pending, 'reject'))).toBe(
      'accepted',
    )
  })
})

test.concurrent('a delegate counts, in whatever letters he was named, until a newer delegation ends it', async () => {
  const { db } = office.world()
  const [from, to] = [somebody(['approvers']), somebody()]
  const delegate = (minutes: number, called: string) =>
    storeDelegation(db, signed({ kind: 'delegate', to: called, group: 'approvers', until: until(minutes) }, from))
  await delegate(60, to.subject.toUpperCase())
  const { run, pending } = await office.waiting()
  expect(await office.tell(run.workflowId, 'decide', decisionBy(to, pending, 'approve'))).toBe('accepted')
  await delegate(-1, `\u200b${to.subject}`)
  const other = await office.waiting()
  expect(await office.tell(other.run.workflowId, 'decide', decisionBy(to, other.pending, 'approve'))).toBe(
    'decision_not_approver',
  )
  expect(office.boxes.asked(other.item)).toEqual([])
})

const UNTIL = until(60)
const DELEGATIONS = [
  ['to oneself', { to: BEN.subject, group: 'approvers', until: UNTIL }, BEN],
  ['to oneself in capitals', { to: 'BEN@acme.example', group: 'approvers', until: UNTIL }, BEN],
  ['of a group that one is not in', { to: EVE.subject, group: 'operators', until: UNTIL }, BEN],
  ['of the group `*`', { to: EVE.subject, group: '*', until: UNTIL }, BEN],
  ['for more than a year', { to: EVE.subject, group: 'approvers', until: until(600_000) }, BEN],
  ['by a service', { to: EVE.subject, group: 'approvers', until: UNTIL }, somebody(['approvers'], { kind: 'service' })],
  ['by an agent', { to: EVE.subject, group: 'approvers', until: UNTIL }, somebody(['approvers'], { kind: 'agent' })],
] as const

test.each(DELEGATIONS)('a delegation %s is not written down', async (_what, about, who) => {
  const stored = storeDelegation(office.world().db, signed({ kind: 'delegate', ...about }, who))
  await expect(stored).rejects.toMatchObject({ type: 'delegation_invalid' })
})

test.concurrent('a delegate counts for whom he speaks, and the record says for whom', async () => {
  const { db } = office.world()
  const [from, to] = [somebody(['approvers']), somebody()]
  await storeDelegation(db, signed({ kind: 'delegate', to: to.subject, group: 'approvers', until: UNTIL }, from))
  const { run, pending, item } = await office.waiting()
  expect(await office.tell(run.workflowId, 'decide', decisionBy(to, pending, 'approve'))).toBe('accepted')
  expect(await office.as(to).run(run.workflowId).outcome()).toMatchObject({ state: 'completed' })
  expect(office.boxes.held(item)).toBe(1)
})
