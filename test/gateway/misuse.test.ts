import { sql } from 'kysely'
import { beforeAll, expect, test } from 'vitest'
import { digestOf, digestOfText } from '../../src/contract/digest.ts'
import { type RunKey, runKeyOf } from '../../src/contract/evidence.ts'
import { codeOf } from '../../src/contract/failures.ts'
import { type About, type AboutKind, type Statement, statementText, type Use } from '../../src/contract/statement.ts'
import { IssuerKeySets } from '../../src/gateway/issuers.ts'
import { serveGateway } from '../../src/gateway/serve.ts'
import { hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import { parseMapping } from '../../src/identity/mapping-file.ts'
import { signStatement, verifyUse } from '../../src/identity/statements.ts'
import { attemptsSince } from '../../src/ledger/attempts.ts'
import { openDatabase } from '../../src/ledger/database.ts'
import { findIssuerKey, revokeIssuerKey, rotateIssuerKey, storeIssuerKey } from '../../src/ledger/issuer-keys.ts'
import { useStatement } from '../../src/ledger/statements.ts'
import { ABOUTS, KINDS, useOf } from '../identity/saying.ts'
import { mappingText, tokensOfPerson, useGateway } from './gateway-world.ts'

/* What a statement that the gateway signed is worth to whoever got hold of it: what it says, once, and nothing else. */
const world = useGateway()
let token = ''
beforeAll(async () => {
  token = (await tokensOfPerson(world().provider, 'ben')).access_token
})

async function asked(about: About): Promise<Statement> {
  const response = await world().post(token, { about })
  expect(response.status).toBe(201)
  return ((await response.json()) as { statement: Statement }).statement
}

const runOf = (about: About): RunKey | null =>
  'runKey' in about ? about.runKey : about.kind === 'start' ? runKeyOf(about.workflowId, 'run-1') : null

/** What a host does with one: verifies it for a use, and uses it. */
const use = (given: unknown, wanted: Use, runKey = runOf(wanted.about)): Promise<string> =>
  verifyUse(given, wanted, { keyOf: (keyId) => findIssuerKey(world().db, keyId) })
    .then((statement) => useStatement(world().db, statement, runKey))
    .catch((error: unknown) => codeOf(error) ?? String(error))

const uses = async (): Promise<number> => {
  const { rows } = await sql<{ n: number }>`SELECT count(*)::int AS n FROM countersign.statements
    WHERE run_key IS DISTINCT FROM 'boxes-1/run-1'`.execute(world().db)
  return rows[0]?.n ?? -1
}

/** Expects a refusal with this code, and that nothing was used by it. */
async function expectWorthless(given: unknown, wanted: Use, code: string): Promise<void> {
  const before = await uses()
  expect(await use(given, wanted)).toBe(code)
  expect(await uses()).toBe(before)
}

test.each(KINDS)('a %s counts once, and again for the same', async (kind) => {
  const statement = await asked(ABOUTS[kind])
  expect(await use(statement, useOf(ABOUTS[kind]))).toBe('first')
  expect(await use(statement, useOf(ABOUTS[kind]))).toBe('again')
})

const OTHERS: Readonly<Record<string, readonly [changed: string, code: string]>> = {
  workflowId: ['refund-2', 'statement_other_run'],
  runKey: [runKeyOf('refund-1', 'run-2'), 'statement_other_run'],
  playbook: ['support_request', 'statement_other_playbook'],
  requestDigest: [digestOf({ orderId: 'ord_1' }), 'statement_other_request'],
  onBehalfOf: ['dan@acme.example', 'statement_other_principal'],
  step: ['billing.refund-2', 'statement_other_step'],
  actionDigest: [digestOf({}), 'statement_other_action'],
  decision: ['reject', 'statement_other_decision'],
  resolution: ['retry', 'statement_other_decision'],
  commentDigest: [digestOfText('other words'), 'statement_other_words'],
  whyDigest: [digestOfText('other words'), 'statement_other_words'],
  scope: ['playbook', 'statement_other_target'],
  name: ['helpdesk.reply', 'statement_other_target'],
}
const LIFTED = KINDS.flatMap((kind) =>
  Object.entries(OTHERS)
    .filter(([field]) => field in ABOUTS[kind])
    .map(([field, [changed, code]]) => ({ kind, field, changed, code })),
)

test.each(LIFTED)('a $kind lifted to another `$field` is $code', async ({ kind, field, changed, code }) => {
  const wanted = { ...ABOUTS[kind], [field]: changed } as About
  await expectWorthless(await asked(ABOUTS[kind]), useOf(wanted), code)
})

test.each(LIFTED)('a $kind whose `$field` was changed has a wrong signature', async ({ kind, field, changed }) => {
  const statement = await asked(ABOUTS[kind])
  const about = { ...ABOUTS[kind], [field]: changed } as About
  await expectWorthless({ ...statement, about }, useOf(about), 'statement_signature_wrong')
})

const PAIRS = KINDS.flatMap((said) => KINDS.filter((other) => other !== said).map((other) => [said, other] as const))

test.each(PAIRS)('a %s is worth nothing as a %s', async (said, other) => {
  await expectWorthless(await asked(ABOUTS[said]), useOf(ABOUTS[other]), 'statement_other_use')
})

/** What is tried with a good statement of each kind. */
const TRIED: readonly (readonly [string, (statement: Statement, kind: AboutKind) => Promise<void>])[] = [
  ['the token in its place', (_statement, kind) => expectWorthless(token, useOf(ABOUTS[kind]), 'statement_malformed')],
  [
    'in another workspace',
    (statement, kind) =>
      expectWorthless(statement, { about: ABOUTS[kind], workspace: 'other' }, 'statement_other_workspace'),
  ],
  [
    'by somebody else',
    (statement, kind) =>
      expectWorthless(
        { ...statement, who: { ...statement.who, subject: 'ana@acme.example' } },
        useOf(ABOUTS[kind]),
        'statement_signature_wrong',
      ),
  ],
  [
    'with a group more',
    (statement, kind) =>
      expectWorthless(
        { ...statement, who: { ...statement.who, groups: ['admins', ...statement.who.groups] } },
        useOf(ABOUTS[kind]),
        'statement_signature_wrong',
      ),
  ],
  [
    'for a minute more',
    (statement, kind) =>
      expectWorthless(
        { ...statement, expiresAt: new Date(Date.parse(statement.expiresAt) + 60_000).toISOString() },
        useOf(ABOUTS[kind]),
        'statement_signature_wrong',
      ),
  ],
  [
    'with a field more',
    (statement, kind) => expectWorthless({ ...statement, admin: true }, useOf(ABOUTS[kind]), 'statement_malformed'),
  ],
  [
    'signed by a key that nobody knows',
    (statement, kind) =>
      expectWorthless(signStatement(hostKeyOf(newHostKey()), statement), useOf(ABOUTS[kind]), 'statement_key_unknown'),
  ],
  [
    'signed by another under the gateway’s key id',
    (statement, kind) =>
      expectWorthless(
        { ...signStatement(hostKeyOf(newHostKey()), statement), keyId: statement.keyId },
        useOf(ABOUTS[kind]),
        'statement_signature_wrong',
      ),
  ],
  [
    'an hour ago',
    (statement, kind) =>
      expectWorthless(
        signStatement(world().key, statement, { at: new Date(Date.now() - 3_600_000) }),
        useOf(ABOUTS[kind]),
        'statement_key_out_of_time',
      ),
  ],
  [
    'in an hour',
    (statement, kind) =>
      expectWorthless(
        signStatement(world().key, statement, { at: new Date(Date.now() + 3_600_000) }),
        useOf(ABOUTS[kind]),
        'statement_not_yet_valid',
      ),
  ],
  [
    'with the nonce of one that was used',
    async (statement, kind) => {
      expect(await use(statement, useOf(ABOUTS[kind]))).toBe('first')
      // Only who has the key of the gateway can make one: it counts no more than the first.
      const other = { ...signStatement(world().key, statement, { validMs: 60_000 }), nonce: statement.nonce }
      const replayed = { ...other, signature: world().key.sign(statementText(other)) }
      await expectWorthless(replayed, useOf(ABOUTS[kind]), 'statement_used')
      if (runOf(statement.about) === null) return
      const before = await uses()
      expect(await use(statement, useOf(ABOUTS[kind]), runKeyOf('refund-1', 'another'))).toBe('statement_used')
      expect(await uses()).toBe(before)
    },
  ],
]

test.each(TRIED.flatMap(([what, attempt]) => KINDS.map((kind) => ({ what, kind, attempt }))))(
  'a $kind, $what, is worth nothing',
  async ({ kind, attempt: expectIt }) => {
    await expectIt(await asked(ABOUTS[kind]), kind)
  },
)

/** A gateway beside that of the file, with a key of its own. */
async function another(key: ReturnType<typeof hostKeyOf>, issuer = world().provider.issuer, db = world().db) {
  const parsed = parseMapping(mappingText(issuer), 'identity.yaml')
  if (!parsed.ok) throw new Error('the mapping is wrong')
  const errors: unknown[] = []
  const onError = (error: unknown): void => void errors.push(error)
  const parts = { db, key, mapping: parsed.mapping, keys: new IssuerKeySets(), onError }
  const gateway = await serveGateway({ host: '127.0.0.1', port: 0 }, parts)
  const ask = async (bearer: string) => {
    const response = await fetch(`http://${gateway.address}/v1/statements`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${bearer}` },
      body: JSON.stringify({ about: ABOUTS.decide }),
    })
    const answer = (await response.json()) as { statement?: Statement; code?: string }
    return { status: response.status, ...answer }
  }
  return { ask, errors, close: gateway.close }
}

const published = async (name: string) => {
  const key = hostKeyOf(newHostKey())
  await storeIssuerKey(world().db, { keyId: key.keyId, publicKey: key.publicKey, issuer: name, development: false })
  return key
}
const lastAttempt = async () => (await attemptsSince(world().db, '0')).at(-1)

test('a key that is revoked while the gateway runs signs nothing more; what it signed before counts', async () => {
  const key = await published('revoked')
  const gateway = await another(key)
  const before = await gateway.ask(token)
  expect(before.status).toBe(201)
  await revokeIssuerKey(world().db, key.keyId, { compromised: false })
  expect(await gateway.ask(token)).toMatchObject({ status: 503, code: 'statement_key_revoked' })
  expect(await lastAttempt()).toMatchObject({ refused: { code: 'statement_key_revoked' }, signed: null })
  expect(await use(before.statement, useOf(ABOUTS.decide))).toBe('first')
  const unused = await asked(ABOUTS.decide)
  await revokeIssuerKey(world().db, key.keyId, { compromised: true })
  await expectWorthless(before.statement, useOf(ABOUTS.decide), 'statement_key_revoked')
  expect(await use(unused, useOf(ABOUTS.decide))).toBe('first')
  await gateway.close()
})

test('after a rotation both keys sign until the overlap is over, and then the new one alone', async () => {
  const [old, fresh] = [await published('rotated'), hostKeyOf(newHostKey())]
  const [before, after] = [await another(old), await another(fresh)]
  expect(await after.ask(token)).toMatchObject({ status: 500, code: 'statement_key_unknown' })
  const made = { keyId: fresh.keyId, publicKey: fresh.publicKey, issuer: 'rotated', development: false }
  await rotateIssuerKey(world().db, made, 60)
  expect([(await before.ask(token)).status, (await after.ask(token)).status]).toEqual([201, 201])
  await sql`UPDATE countersign.issuer_keys SET valid_to = now() - interval '1 minute' WHERE key_id = ${old.keyId}`.execute(
    world().db,
  )
  expect(await before.ask(token)).toMatchObject({ status: 503, code: 'statement_key_out_of_time' })
  expect((await after.ask(token)).status).toBe(201)
  await Promise.all([before.close(), after.close()])
})

test('while the provider is away nothing is signed for its people, and the attempt is logged', async () => {
  const gone = 'http://127.0.0.1:9'
  const gateway = await another(await published('gone'), gone)
  const now = Math.floor(Date.now() / 1000)
  const bearer = await world().provider.forge({ iss: gone, sub: 'ben', iat: now, exp: now + 60 })
  expect(await gateway.ask(bearer)).toMatchObject({ status: 503, code: 'issuer_unavailable' })
  expect(await lastAttempt()).toMatchObject({ refused: { code: 'issuer_unavailable' }, who: null, signed: null })
  await gateway.close()
})

test('while the ledger is away nothing is signed, and the operator hears of it', async () => {
  const away = openDatabase('postgres://nobody@127.0.0.1:9/nothing', () => {})
  const gateway = await another(hostKeyOf(newHostKey()), undefined, away)
  const answer = await gateway.ask(token)
  expect(answer).toMatchObject({ status: 503, code: 'database_unavailable' })
  expect(answer.statement).toBeUndefined()
  expect(gateway.errors.length).toBeGreaterThan(0)
  await gateway.close()
  await away.destroy()
})
