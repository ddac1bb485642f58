import { sql } from 'kysely'
import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Approval } from '../../src/contract/action.ts'
import type { Requirement } from '../../src/contract/approving.ts'
import { digestOf, digestOfText } from '../../src/contract/digest.ts'
import { type RunKey, runKeyOf } from '../../src/contract/evidence.ts'
import { failureOf } from '../../src/contract/failures.ts'
import type { About, Identity, Statement } from '../../src/contract/statement.ts'
import { hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import type { LedgerDatabase } from '../../src/ledger/database.ts'
import { revokeIssuerKey, storeIssuerKey } from '../../src/ledger/issuer-keys.ts'
import { seePerson, storeDelegation, withdraw } from '../../src/ledger/people.ts'
import type { RunRow } from '../../src/ledger/runs.ts'
import { useStatement } from '../../src/ledger/statements.ts'
import { checkApprovals } from '../../src/worker/guard.ts'
import { Witness } from '../../src/worker/witness.ts'
import { useLedger } from '../worker/ledger-case.ts'
import { ROW } from '../worker/refund-case.ts'
import { somebody } from './deciders.ts'
import { ANA, BEN, CLEO, EVE, GATEWAY, KEYS, publish, signed } from './office.ts'

/* Between a decision and the use of the warrant that it is in: the guard asks the ledger who has said what to which run, and who he is now. */
const ledger = useLedger()
beforeAll(() => publish(ledger()))

const STEP = 'box.put-1'
const ONE: Requirement = { groups: ['approvers'], quorum: 1 }
const TWO: Requirement = { groups: ['approvers'], quorum: 2 }

interface Case {
  readonly runKey: RunKey
  readonly actionDigest: Approval['actionDigest']
}

const newCase = (): Case => ({
  runKey: runKeyOf(`guard-${randomUUID()}`, 'run-1'),
  actionDigest: digestOf({ id: randomUUID() }),
})

const aboutOf = ({ runKey, actionDigest }: Case, comment: string, over: object = {}): About => ({
  kind: 'decide',
  runKey,
  step: STEP,
  actionDigest,
  decision: 'approve',
  commentDigest: digestOfText(comment),
  ...over,
})

/** An approval as a kernel puts it into a warrant. */
function approvalOf(
  it: Case,
  who: Identity,
  over: Partial<Approval> = {},
  statement = signed(aboutOf(it, 'yes'), who),
): Approval {
  const standing = { groups: who.groups, delegated: [] }
  const { actionDigest } = it
  return {
    step: STEP,
    decision: 'approve',
    by: who.subject,
    comment: 'yes',
    actionDigest,
    at: new Date().toISOString(),
    standing,
    statement,
    ...over,
  }
}

const hear = async (db: LedgerDatabase, approval: Approval, runKey: RunKey): Promise<Approval> => {
  await useStatement(db, approval.statement, runKey)
  return approval
}

async function guard(
  it: Case,
  approvals: readonly Approval[],
  requires: readonly Requirement[] = [ONE],
  askers = [ANA.subject],
) {
  const run: RunRow = { ...ROW, runKey: it.runKey, principal: { ...ROW.principal, workspace: 'boxes' } }
  const asked = { step: STEP, actionDigest: it.actionDigest }
  return await checkApprovals(approvals, asked, { run, requires, askers }, new Witness(ledger(), undefined)).then(
    () => 'passes',
    (error: unknown) => {
      const failure = failureOf(error)
      return failure === undefined ? String(error) : `${failure.code}: ${failure.message}`
    },
  )
}

const until = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toISOString()
const delegation = (from: Identity, to: Identity, minutes = 60, key = GATEWAY): Statement =>
  signed({ kind: 'delegate', to: to.subject, group: 'approvers', until: until(minutes) }, from, {}, key)

type Attack = (it: Case, db: LedgerDatabase) => Promise<readonly Approval[]>

/** Approvals that were never given, not so, or not to this run. */
const FORGED: readonly (readonly [what: string, why: string, attack: Attack])[] = [
  ['none', 'was not approved', async () => []],
  ['one that no host has heard', 'no host has heard it', async (it) => [approvalOf(it, BEN)]],
  [
    'one that a host has heard for another run',
    'no host has heard it',
    async (it, db) => [await hear(db, approvalOf(it, BEN), runKeyOf('another', 'run-1'))],
  ],
  [
    'one whose nonce a host has heard in another statement',
    'no host has heard it',
    async (it, db) => {
      const { statement } = await hear(db, approvalOf(it, BEN), it.runKey)
      return [approvalOf(it, CLEO, {}, { ...signed(aboutOf(it, 'yes'), CLEO), nonce: statement.nonce })]
    },
  ],
  ...(
    [
      ['of another run', { runKey: runKeyOf('another', 'run-1') }, 'statement_other_run'],
      ['of another step', { step: 'box.put-2' }, 'statement_other_step'],
      ['of another action', { actionDigest: digestOf({}) }, 'statement_other_action'],
      ['with other words', { commentDigest: digestOfText('no') }, 'statement_other_words'],
      ['that is a rejection', { decision: 'reject' }, 'statement_other_decision'],
      ['that is a change', { decision: 'change', inputDigest: digestOf({}) }, 'statement_other_action'],
    ] as const
  ).map(([what, over, why]): readonly [string, string, Attack] => [
    `one with a statement ${what}`,
    why,
    async (it, db) => [await hear(db, approvalOf(it, BEN, {}, signed(aboutOf(it, 'yes', over), BEN)), it.runKey)],
  ]),
  [
    'one with a statement that is an undo',
    'statement_other_use',
    async (it, db) => {
      const undo = signed({ kind: 'undo', runKey: it.runKey, whyDigest: digestOfText('yes') }, BEN)
      return [await hear(db, approvalOf(it, BEN, {}, undo), it.runKey)]
    },
  ],
  [
    'one with a statement of another workspace',
    'statement_other_workspace',
    async (it, db) => [await hear(db, approvalOf(it, { ...BEN, workspace: 'other' }), it.runKey)],
  ],
  [
    'one with a statement of the development issuer',
    'statement_development',
    async (it, db) => {
      const who: Identity = { ...BEN, groups: ['*'], issuer: 'development', development: true }
      return [await hear(db, approvalOf(it, who, {}, signed(aboutOf(it, 'yes'), who, {}, KEYS.development)), it.runKey)]
    },
  ],
  [
    'one by somebody else than its statement is of',
    'of somebody else',
    async (it, db) => [{ ...(await hear(db, approvalOf(it, EVE), it.runKey)), by: BEN.subject }],
  ],
  [
    'one by the requester',
    'is by the requester',
    async (it, db) => [await hear(db, approvalOf(it, { ...BEN, subject: ANA.subject }), it.runKey)],
  ],
  [
    'one by the requester in capitals',
    'is by the requester',
    async (it, db) => [await hear(db, approvalOf(it, { ...BEN, subject: ANA.subject.toUpperCase() }), it.runKey)],
  ],
  ...(['agent', 'service'] as const).map((kind): readonly [string, string, Attack] => [
    `one by ${kind === 'agent' ? 'an agent' : 'a service'}`,
    'by no person',
    async (it, db) => [await hear(db, approvalOf(it, { ...BEN, kind }), it.runKey)],
  ]),
  [
    'one by somebody in no group',
    'still needs 1 of approvers',
    async (it, db) => [await hear(db, approvalOf(it, EVE), it.runKey)],
  ],
  [
    'one by somebody in no group, with another standing on the record',
    'still needs 1 of approvers',
    async (it, db) => {
      const standing = { groups: ['*', 'approvers'], delegated: [{ group: 'approvers', from: BEN.subject }] }
      return [await hear(db, approvalOf(it, EVE, { standing }), it.runKey)]
    },
  ],
  [
    'one by somebody in the group `*`',
    'still needs 1 of approvers',
    async (it, db) => [await hear(db, approvalOf(it, somebody(['*'])), it.runKey)],
  ],
  [
    'one whose groups were altered',
    'no host has heard it',
    async (it, db) => {
      const approval = await hear(db, approvalOf(it, EVE), it.runKey)
      return [{ ...approval, statement: { ...approval.statement, who: { ...EVE, groups: ['approvers'] } } }]
    },
  ],
  [
    'one signed with a key that nobody published',
    'statement_key_unknown',
    async (it, db) => [
      await hear(db, approvalOf(it, BEN, {}, signed(aboutOf(it, 'yes'), BEN, {}, KEYS.unknown)), it.runKey),
    ],
  ],
  [
    'one dated before its key was compromised',
    'statement_key_revoked',
    async (it, db) => [
      await hear(db, approvalOf(it, BEN, {}, signed(aboutOf(it, 'yes'), BEN, {}, KEYS.compromised)), it.runKey),
    ],
  ],
  [
    'one that had expired when it was heard',
    'statement_expired',
    async (it, db) => {
      const at = new Date(Date.now() - 1_200_000)
      return [await hear(db, approvalOf(it, BEN, {}, signed(aboutOf(it, 'yes'), BEN, { at })), it.runKey)]
    },
  ],
]

describe('approvals', () => {
  test.for(FORGED)('that are %s allow nothing: %s', async ([, why, attack]) => {
    const it = newCase()
    const said = await guard(it, await attack(it, ledger()))
    expect(said).toContain('approval_invalid: ')
    expect(said).toContain(why)
    // What is right passes.
    expect(await guard(it, [await hear(ledger(), approvalOf(it, BEN), it.runKey)])).toBe('passes')
  })

  test('by one person twice, and in other letters, are one where it takes two', async () => {
    const it = newCase()
    const db = ledger()
    const capital = { ...BEN, subject: BEN.subject.toUpperCase() }
    const approvals = await Promise.all([BEN, BEN, capital].map((who) => hear(db, approvalOf(it, who), it.runKey)))
    for (const some of [approvals.slice(0, 1), approvals.slice(0, 2), approvals, [approvals[0], approvals[0]]]) {
      expect(await guard(it, some as readonly Approval[], [TWO])).toContain('still needs 1 more of approvers')
    }
    const other = await hear(db, approvalOf(it, CLEO), it.runKey)
    expect(await guard(it, [...approvals, other], [TWO])).toBe('passes')
  })
})

type After = (db: LedgerDatabase, who: Identity, from: Identity) => Promise<unknown>

/** What happens after a good approval, before it is used; `isDelegate`: by who speaks for somebody in the group. */
const AFTERWARDS: readonly (readonly [what: string, isDelegate: boolean, why: string, after: After])[] = [
  [
    'his word is withdrawn',
    false,
    'standing_lost',
    (db, { subject }) => withdraw(db, { subject, group: null, reason: 'left', by: 'otto' }),
  ],
  [
    'he is withdrawn from the group',
    false,
    'still needs',
    (db, { subject }) => withdraw(db, { subject, group: 'approvers', reason: 'moved', by: 'otto' }),
  ],
  [
    'he is seen without the group',
    false,
    'still needs',
    (db, { subject, issuer }) =>
      seePerson(db, { subject, issuer, groups: [], workspaces: ['boxes'], tokenAt: new Date() }),
  ],
  [
    'he is seen in another workspace',
    false,
    'standing_lost',
    (db, { subject, issuer }) =>
      seePerson(db, { subject, issuer, groups: ['approvers'], workspaces: ['other'], tokenAt: new Date() }),
  ],
  [
    'his word is withdrawn',
    true,
    'standing_lost',
    (db, { subject }) => withdraw(db, { subject, group: null, reason: 'left', by: 'otto' }),
  ],
  [
    'the word of whom he speaks for is withdrawn',
    true,
    'still needs',
    (db, _who, { subject }) => withdraw(db, { subject, group: null, reason: 'left', by: 'otto' }),
  ],
  [
    'whom he speaks for is seen without the group',
    true,
    'still needs',
    (db, _who, { subject, issuer }) =>
      seePerson(db, { subject, issuer, groups: [], workspaces: ['boxes'], tokenAt: new Date() }),
  ],
  [
    'the delegation is ended by a newer one',
    true,
    'still needs',
    (db, who, from) => storeDelegation(db, delegation(from, who, -1)),
  ],
  [
    'the delegation is over',
    true,
    'still needs',
    (db, who) =>
      sql`UPDATE countersign.delegations SET until = now() - interval '1 second' WHERE to_subject = ${who.subject}`.execute(
        db,
      ),
  ],
  [
    'the delegation is made longer in the table',
    true,
    'still needs',
    (db, who) =>
      sql`UPDATE countersign.delegations SET until = until + interval '1 day' WHERE to_subject = ${who.subject}`.execute(
        db,
      ),
  ],
  [
    'the delegation is given to somebody else in the table',
    true,
    'still needs',
    (db, who) =>
      sql`UPDATE countersign.delegations SET to_subject = 'another' WHERE to_subject = ${who.subject}`.execute(db),
  ],
]

describe('an approval that was good', () => {
  test.for(AFTERWARDS)('is worth nothing when %s (delegate: %s): %s', async ([, isDelegate, why, after]) => {
    const it = newCase()
    const db = ledger()
    const [from, who] = [somebody(['approvers']), somebody(isDelegate ? [] : ['approvers'])]
    if (isDelegate) await storeDelegation(db, delegation(from, who))
    const approval = await hear(db, approvalOf(it, who), it.runKey)
    expect(await guard(it, [approval])).toBe('passes')
    await after(db, who, from)
    const said = await guard(it, [approval])
    expect(said).toContain('approval_invalid: ')
    expect(said).toContain(why)
  })

  test('is worth nothing when its key is found to be compromised, and stands when the key is only revoked', async () => {
    const it = newCase()
    const db = ledger()
    const key = hostKeyOf(newHostKey())
    await storeIssuerKey(db, { keyId: key.keyId, publicKey: key.publicKey, issuer: 'gateway', development: false })
    const approval = await hear(db, approvalOf(it, BEN, {}, signed(aboutOf(it, 'yes'), BEN, {}, key)), it.runKey)
    expect(await guard(it, [approval])).toBe('passes')
    await new Promise((resolve) => setTimeout(resolve, 5))
    await revokeIssuerKey(db, key.keyId, { compromised: false })
    expect(await guard(it, [approval])).toBe('passes')
    await revokeIssuerKey(db, key.keyId, { compromised: true })
    expect(await guard(it, [approval])).toContain('statement_key_revoked')
  })

  test('a delegation whose key is found to be compromised speaks for nobody', async () => {
    const it = newCase()
    const db = ledger()
    const key = hostKeyOf(newHostKey())
    await storeIssuerKey(db, { keyId: key.keyId, publicKey: key.publicKey, issuer: 'gateway', development: false })
    const [from, who] = [somebody(['approvers']), somebody()]
    await storeDelegation(db, delegation(from, who, 60, key))
    const approval = await hear(db, approvalOf(it, who), it.runKey)
    expect(await guard(it, [approval])).toBe('passes')
    await revokeIssuerKey(db, key.keyId, { compromised: true })
    expect(await guard(it, [approval])).toContain('still needs 1 of approvers')
  })
})
