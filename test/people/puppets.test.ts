import { sql } from 'kysely'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Approval } from '../../src/contract/action.ts'
import { digestOf, digestOfText } from '../../src/contract/digest.ts'
import { runKeyOf } from '../../src/contract/evidence.ts'
import type { Statement } from '../../src/contract/statement.ts'
import { storeIssuerKey } from '../../src/ledger/issuer-keys.ts'
import { useStatement } from '../../src/ledger/statements.ts'
import { withdraw } from '../../src/ledger/people.ts'
import { issuer, said } from '../support/people.ts'
import { useWorld } from '../support/world.ts'
import { heard, ledgerOf, openedRefund, registeredPuppet } from '../worker/puppets.ts'
import { issue } from '../worker/warrants.ts'
import { GATEWAY, person, signed } from './office.ts'

/* Workflow code that is not ours, on the task queue of the worker: it can call what a kernel calls, and is believed as little. */
const world = useWorld({ workflows: join(import.meta.dirname, '..', 'worker', 'hostile.ts') })
// The keys of this installation are older than what they signed.
beforeAll(async () => {
  const { keyId, publicKey } = GATEWAY
  await storeIssuerKey(world().db, { keyId, publicKey, issuer: 'gateway', development: false })
  await sql`UPDATE countersign.issuer_keys SET valid_from = now() - interval '30 days'`.execute(world().db)
})
const HEAR = 'countersign.hear'
const how = { id: 'billing.refund-1' }

async function opened() {
  const { puppet, order } = await registeredPuppet(world(), { amountCents: 12_000 })
  return { puppet, order, wanted: await openedRefund(puppet, order) }
}

type Opened = Awaited<ReturnType<typeof opened>>

const decision = ({ puppet }: Opened) =>
  ({
    kind: 'decide',
    runKey: puppet.runKey,
    step: 'billing.refund-1',
    actionDigest: digestOf({}),
    decision: 'approve',
    commentDigest: digestOfText(''),
  }) as const

const callOf = (it: Opened, statement: unknown, more: object = {}) => ({
  runKey: it.puppet.runKey,
  workspace: 'acme',
  about: decision(it),
  statement,
  by: 'ben@acme.example',
  ...more,
})
const ben = (it: Opened, workspace = 'acme') => said(decision(it), 'ben@acme.example', workspace)

const ANSWERED: readonly (readonly [what: string, code: string, call: (it: Opened) => object])[] = [
  ['nothing but a name', 'statement_missing', (it) => callOf(it, null)],
  [
    'a forged statement',
    'statement_signature_wrong',
    (it) => callOf(it, { ...ben(it), signature: `${'A'.repeat(85)}A` }),
  ],
  [
    'a statement of another workspace',
    'statement_other_workspace',
    (it) => callOf(it, ben(it, 'other'), { workspace: 'other' }),
  ],
  [
    'a statement about another action',
    'statement_other_action',
    (it) => callOf(it, ben(it), { about: { ...decision(it), actionDigest: digestOf({ other: true }) } }),
  ],
  [
    'an undo as a decision',
    'statement_other_use',
    (it) => callOf(it, said({ kind: 'undo', runKey: it.puppet.runKey, whyDigest: digestOfText('') }, 'ben', 'acme')),
  ],
  [
    'what is about no run',
    'statement_other_run',
    (it) => callOf(it, ben(it), { about: { ...decision(it), runKey: undefined } }),
  ],
]
const THROWN: readonly (readonly [what: string, code: string, call: (it: Opened) => object])[] = [
  ['a start', 'request_invalid', (it) => callOf(it, ben(it), { about: { kind: 'start' } })],
  ['a delegation', 'request_invalid', (it) => callOf(it, ben(it), { about: { kind: 'delegate' } })],
  ['a field too many', 'request_invalid', (it) => callOf(it, ben(it), { message: 1 })],
  [
    'what is about another run',
    'request_invalid',
    (it) => callOf(it, ben(it), { about: { ...decision(it), runKey: runKeyOf('another', 'run-1') } }),
  ],
  [
    'in the name of another run',
    'warrant_mismatch',
    (it) => callOf(it, ben(it), { runKey: runKeyOf('another', 'run-1') }),
  ],
  ['nothing', 'request_invalid', () => ({})],
]

describe.concurrent('a puppet has a host hear', () => {
  test.for(ANSWERED)('%s: %s', async ([, code, call]) => {
    const it = await opened()
    for (const local of [true, false]) {
      expect(await it.puppet.call(HEAR, call(it), { local })).toMatchObject({ ok: true, result: { refused: { code } } })
    }
    expect(await ledgerOf(world(), it.puppet.runKey)).toEqual([])
  })

  test.for(THROWN)('%s: %s', async ([, code, call]) => {
    const it = await opened()
    for (const local of [true, false]) {
      expect(await it.puppet.call(HEAR, call(it), { local })).toMatchObject({ ok: false, code, final: true })
    }
    expect(await ledgerOf(world(), it.puppet.runKey)).toEqual([])
  })

  test('a statement that has expired since it was heard for the run; one that nobody heard is refused', async () => {
    const it = await opened()
    // With what clocks may differ by, both are valid for five seconds more.
    const options = { at: new Date(Date.now() - 40_000), validMs: 15_000 }
    const [known, unknown] = [0, 1].map(() => signed(decision(it), person('ben', [], { workspace: 'acme' }), options))
    const told = (statement: unknown) => it.puppet.call(HEAR, callOf(it, statement))
    expect(await told(known)).toMatchObject({ ok: true, result: { by: 'ben@acme.example' } })
    await delay(6_000)
    expect(await told(known)).toMatchObject({ ok: true, result: { by: 'ben@acme.example' } })
    expect(await told(unknown)).toMatchObject({ ok: true, result: { refused: { code: 'statement_expired' } } })
    const altered = { ...known, nonce: known?.nonce.split('').toReversed().join('') }
    expect(await told(altered)).toMatchObject({ ok: true, result: { refused: { code: 'statement_signature_wrong' } } })
  })

  test('one statement twice: it is of one run, in which a task that is tried again asks again', async () => {
    const it = await opened()
    const statement = ben(it)
    const told = () => it.puppet.call(HEAR, callOf(it, statement))
    expect(await told()).toMatchObject({ ok: true, result: { by: 'ben@acme.example' } })
    expect(await told()).toMatchObject({ ok: true, result: { by: 'ben@acme.example' } })
    const { rows } = await sql<{ n: number }>`SELECT count(*)::int AS n FROM countersign.statements
      WHERE nonce = ${statement.nonce}`.execute(world().db)
    expect(rows).toEqual([{ n: 1 }])
  })
})

type Lie = (approval: Approval, it: Opened) => Promise<Approval>
const restated = (approval: Approval, statement: Statement): Approval => ({ ...approval, statement })

/** Good but for one thing; what is put into the ledger beforehand is what a host would have heard. */
const LIES: readonly (readonly [what: string, why: string, lie: Lie])[] = [
  ['that nobody heard', 'no host has heard it', async (approval) => approval],
  [
    'heard for another run',
    'no host has heard it',
    async (approval) => {
      await useStatement(world().db, approval.statement, runKeyOf(`other-${randomUUID()}`, 'run-1'))
      return approval
    },
  ],
  [
    'by somebody else than its statement is of',
    'of somebody else',
    async (approval, it) => {
      await useStatement(world().db, approval.statement, it.puppet.runKey)
      return { ...approval, by: 'cleo@acme.example' }
    },
  ],
  [
    'with other words',
    'statement_other_words',
    async (approval, it) => {
      await useStatement(world().db, approval.statement, it.puppet.runKey)
      return { ...approval, comment: 'and all the others, too' }
    },
  ],
  [
    'by an agent',
    'by no person',
    async (approval, it) => {
      const statement = said(approval.statement.about, approval.by, 'acme', 'agent')
      await useStatement(world().db, statement, it.puppet.runKey)
      return restated(approval, statement)
    },
  ],
  [
    'by somebody whose word was withdrawn since',
    'standing_lost',
    async (approval, it) => {
      const by = `w-${randomUUID()}`
      const statement = said(approval.statement.about, by, 'acme')
      await useStatement(world().db, statement, it.puppet.runKey)
      await withdraw(world().db, { subject: by, group: null, reason: 'left', by: 'otto' })
      return { ...restated(approval, statement), by }
    },
  ],
  [
    'that was heard days ago, dated anew',
    'had expired',
    async (approval, it) => {
      const { db } = world()
      const at = new Date(Date.now() - 4 * 86_400_000)
      // Of a gateway: the age of what is signed for development does not count.
      const who = person('ben', ['approvers'], { subject: approval.by, workspace: 'acme' })
      const statement = signed(approval.statement.about, who, { at })
      await useStatement(db, statement, it.puppet.runKey)
      await sql`UPDATE countersign.statements SET used_at = ${at} WHERE nonce = ${statement.nonce}`.execute(db)
      return restated(approval, statement)
    },
  ],
  [
    'that had expired when it was heard',
    'statement_expired',
    async (approval, it) => {
      const who = { subject: approval.by, kind: 'user', groups: ['*'], scopes: ['*'], workspace: 'acme' } as const
      const at = new Date(Date.now() - 1_200_000)
      const statement = issuer.signDevelopment(approval.statement.about, who, { at })
      await useStatement(world().db, statement, it.puppet.runKey)
      return restated(approval, statement)
    },
  ],
]

describe.concurrent('a warrant with an approval', () => {
  test.for(LIES)('%s moves no money: approval_invalid, %s', async ([, why, lie]) => {
    const it = await opened()
    const warrant = issue(it.wanted)
    const [approval] = warrant.approvals
    if (approval === undefined) throw new Error('nobody approved')
    const approvals = [await lie(approval, it)]
    const told = await it.puppet.call(
      'billing.refund',
      { input: it.wanted.input, warrant: { ...warrant, approvals } },
      how,
    )
    expect(told).toMatchObject({ ok: false, code: 'approval_invalid', final: true })
    expect(told).toMatchObject({
      message: expect.stringContaining(why) as string,
    })
    expect(await world().refunded(it.order.paymentId)).toBe(0)
    expect(await ledgerOf(world(), it.puppet.runKey)).toEqual([])
    // A good one of the same action still does.
    const good = await heard(world(), issue(it.wanted))
    expect(await it.puppet.call('billing.refund', { input: it.wanted.input, warrant: good }, how)).toMatchObject({
      ok: true,
    })
    expect(await world().refunded(it.order.paymentId)).toBe(12_000)
  })
})
