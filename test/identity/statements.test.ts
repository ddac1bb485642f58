import { describe, expect, test } from 'vitest'
import { canonicalJson, digestOf, digestOfText } from '../../src/contract/digest.ts'
import { runKeyOf } from '../../src/contract/evidence.ts'
import { codeOf } from '../../src/contract/failures.ts'
import {
  type About,
  MAX_NAMES,
  misuseOf,
  type Statement,
  statementDigestOf,
  statementSchema,
  statementText,
  type Use,
} from '../../src/contract/statement.ts'
import type { HostKey } from '../../src/identity/host-key.ts'
import { signStatement, verifyStatement, verifyUse, type Verifying } from '../../src/identity/statements.ts'
import type { IssuerKey } from '../../src/ledger/issuer-keys.ts'
import { ABOUTS, ben, KINDS, newKey, useOf, WORKSPACE } from './saying.ts'

const { key, published } = newKey()
const ring =
  (...keys: readonly IssuerKey[]) =>
  async (keyId: string) =>
    keys.find((each) => each.keyId === keyId)
const verifying: Verifying = { keyOf: ring(published) }

/** By which code it is refused; `undefined`: it is not. */
const refusal = (given: unknown, use: Use, how: Verifying = verifying): Promise<string | undefined> =>
  verifyUse(given, use, how).then(
    () => undefined,
    (error: unknown) => codeOf(error) ?? String(error),
  )

/** The same, signed again by who has the key. */
const resigned = (by: HostKey, statement: Statement): Statement => ({
  ...statement,
  signature: by.sign(statementText(statement)),
})

test.each(KINDS)('a statement of a %s is verified, and is as it was signed', async (kind) => {
  const about = ABOUTS[kind]
  const statement = signStatement(key, { about, who: ben })
  expect(await verifyUse(JSON.parse(JSON.stringify(statement)), useOf(about), verifying)).toEqual(statement)
})

test('what is signed begins with a text that is no JSON, so that no receipt is a statement and no statement a receipt', () => {
  const statement = signStatement(key, { about: ABOUTS.undo, who: ben })
  const { signature, ...unsigned } = statement
  expect(statementText(statement)).toBe(`countersign-statement-v1\n${canonicalJson(unsigned)}`)
  expect(key.verify(canonicalJson(unsigned), signature)).toBe(false)
  expect(statementDigestOf(statement)).toBe(digestOfText(statementText(statement)))
})

test('the text of a statement is that of its version, to the letter: what was signed stays verifiable', () => {
  const text = statementText({
    v: 1,
    about: ABOUTS.decide,
    who: ben,
    issuedAt: '2026-11-26T10:00:00.000Z',
    expiresAt: '2026-11-26T10:10:00.000Z',
    nonce: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    keyId: '00000000000000000000000000000000',
  })
  expect(text).toMatchSnapshot('text')
  expect(KINDS.map((kind) => [kind, Object.keys(ABOUTS[kind]).join(' ')])).toMatchSnapshot('fields')
})

test('two statements of the same are two: each has a nonce of its own', () => {
  const [one, other] = [1, 2].map(() => signStatement(key, { about: ABOUTS.decide, who: ben }))
  expect(one?.nonce).not.toBe(other?.nonce)
})

const OTHERS: Readonly<Record<string, readonly [changed: unknown, code: string]>> = {
  workflowId: ['refund-2', 'statement_other_run'],
  runKey: [runKeyOf('refund-1', 'run-2'), 'statement_other_run'],
  playbook: ['support_request', 'statement_other_playbook'],
  requestDigest: [digestOf({ orderId: 'ord_1' }), 'statement_other_request'],
  workspace: ['other', 'statement_other_workspace'],
  onBehalfOf: ['dan@acme.example', 'statement_other_principal'],
  step: ['billing.refund-2', 'statement_other_step'],
  actionDigest: [digestOf({}), 'statement_other_action'],
  decision: ['reject', 'statement_other_decision'],
  resolution: ['retry', 'statement_other_decision'],
  commentDigest: [digestOfText('other words'), 'statement_other_words'],
  whyDigest: [digestOfText('other words'), 'statement_other_words'],
  to: ['eve@acme.example', 'statement_other_principal'],
  group: ['finance', 'statement_other_principal'],
  until: ['2027-02-01T00:00:00.000Z', 'statement_other_principal'],
  scope: ['playbook', 'statement_other_target'],
  name: ['helpdesk.reply', 'statement_other_target'],
}

const CHANGES = KINDS.flatMap((kind) =>
  Object.keys(ABOUTS[kind])
    .filter((field) => field !== 'kind')
    .map((field) => [kind, field, ...(OTHERS[field] ?? [null, 'none'])] as const),
)

test.each(CHANGES)('a %s is worth nothing where `%s` is `%s`: %s', async (kind, field, changed, code) => {
  const about = ABOUTS[kind]
  const used = { ...about, [field]: changed } as About
  const statement = signStatement(key, { about, who: ben })
  expect(await refusal(statement, useOf(used))).toBe(code)
  expect(misuseOf(statement, useOf(used))?.message).toContain(`\`${field}\``)
})

test.each(KINDS)('a %s is worth nothing in another workspace', async (kind) => {
  const statement = signStatement(key, { about: ABOUTS[kind], who: ben })
  expect(await refusal(statement, { ...useOf(ABOUTS[kind]), workspace: 'other' })).toBe('statement_other_workspace')
})

const PAIRS = KINDS.flatMap((said) => KINDS.filter((used) => used !== said).map((used) => [said, used] as const))

test.each(PAIRS)('a %s is no %s', async (said, used) => {
  const statement = signStatement(key, { about: ABOUTS[said], who: ben })
  expect(await refusal(statement, useOf(ABOUTS[used]))).toBe('statement_other_use')
})

test('a start for oneself is no start for somebody else', async () => {
  const { onBehalfOf: _, ...alone } = ABOUTS.start
  expect(await refusal(signStatement(key, { about: alone, who: ben }), useOf(ABOUTS.start))).toBe(
    'statement_other_principal',
  )
  expect(await refusal(signStatement(key, { about: ABOUTS.start, who: ben }), useOf(alone))).toBe(
    'statement_other_principal',
  )
})

/** What somebody without the key can change. */
const ALTERED: readonly (readonly [string, (statement: Statement) => Statement])[] = [
  ['another subject', (said) => ({ ...said, who: { ...said.who, subject: 'eve@acme.example' } })],
  ['another issuer', (said) => ({ ...said, who: { ...said.who, issuer: 'https://evil.example' } })],
  ['another kind of subject', (said) => ({ ...said, who: { ...said.who, kind: 'service' } })],
  ['a group more', (said) => ({ ...said, who: { ...said.who, groups: ['admins', ...said.who.groups] } })],
  ['a group less', (said) => ({ ...said, who: { ...said.who, groups: [] } })],
  ['a scope more', (said) => ({ ...said, who: { ...said.who, scopes: [...said.who.scopes, 'zones:write'] } })],
  ['better assurance', (said) => ({ ...said, who: { ...said.who, assurance: { acr: 'urn:hardware' } } })],
  ['no assurance', (said) => ({ ...said, who: { ...said.who, assurance: {} } })],
  ['a later end', (said) => ({ ...said, expiresAt: new Date(Date.parse(said.expiresAt) + 60_000).toISOString() })],
  ['a later beginning', (said) => ({ ...said, issuedAt: new Date(Date.parse(said.issuedAt) + 1).toISOString() })],
  ['another nonce', (said) => ({ ...said, nonce: said.nonce.toLowerCase().replace(/^./, '_') })],
  ['another workspace', (said) => ({ ...said, who: { ...said.who, workspace: 'other' } })],
  ['another thing that is said', (said) => ({ ...said, about: ABOUTS.undo })],
  ['the signature of another statement', (said) => ({ ...said, signature: signStatement(key, said).signature })],
  ['a signature of somebody else', (said) => resigned(newKey().key, said)],
]

test.each(ALTERED)('a statement with %s has a wrong signature', async (_what, alter) => {
  const altered = alter(signStatement(key, { about: ABOUTS.decide, who: ben }))
  expect(await refusal(altered, useOf(altered.about))).toBe('statement_signature_wrong')
})

const many = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => `g${String(at).padStart(4, '0')}`)

const without = (said: Statement, field: keyof Statement) => ({ ...said, [field]: undefined })

/** What is no statement of this version, though it was signed as it stands. */
const MALFORMED: readonly (readonly [string, (statement: Statement) => unknown])[] = [
  ['nothing', () => undefined],
  ['null', () => null],
  ['a text', () => 'statement'],
  ['a token', () => 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJiZW4ifQ.c2ln'],
  ['a list', (said) => [said]],
  ['another version', (said) => ({ ...said, v: 2 })],
  ['a field more', (said) => ({ ...said, admin: true })],
  ['a field more of who says it', (said) => ({ ...said, who: { ...said.who, admin: true } })],
  ['a field more of what is said', (said) => ({ ...said, about: { ...said.about, admin: true } })],
  ['a field more of the assurance', (said) => ({ ...said, who: { ...said.who, assurance: { aal: '3' } } })],
  ['an unknown kind', (said) => ({ ...said, about: { ...said.about, kind: 'delete' } })],
  ['no signature', (said) => without(said, 'signature')],
  ['an empty signature', (said) => ({ ...said, signature: '' })],
  ['a signature in another form', (said) => ({ ...said, signature: `${said.signature.slice(0, -1)}=` })],
  ['no nonce', (said) => without(said, 'nonce')],
  ['a short nonce', (said) => ({ ...said, nonce: 'a' })],
  ['no key', (said) => without(said, 'keyId')],
  ['a path for a key', (said) => ({ ...said, keyId: '../../etc/passwd' })],
  ['a subject with blanks around it', (said) => ({ ...said, who: { ...said.who, subject: ' ben ' } })],
  ['an invisible subject', (said) => ({ ...said, who: { ...said.who, subject: '\u200B' } })],
  ['half a character in the subject', (said) => ({ ...said, who: { ...said.who, subject: 'ben\uD800' } })],
  ['half a character in the assurance', (said) => ({ ...said, who: { ...said.who, assurance: { acr: 'a\uD800' } } })],
  ['half a character in the issuer', (said) => ({ ...said, who: { ...said.who, issuer: 'a\uD800' } })],
  ['half a character in the step', (said) => ({ ...said, about: { ...ABOUTS.decide, step: 'a\uD800' } })],
  ['half a character in the run key', (said) => ({ ...said, about: { ...ABOUTS.undo, runKey: 'a\uD800/b' } })],
  ['groups out of order', (said) => ({ ...said, who: { ...said.who, groups: ['b', 'a'] } })],
  ['a group twice', (said) => ({ ...said, who: { ...said.who, groups: ['a', 'a'] } })],
  ['too many groups', (said) => ({ ...said, who: { ...said.who, groups: many(MAX_NAMES + 1) } })],
  ['scopes out of order', (said) => ({ ...said, who: { ...said.who, scopes: ['b', 'a'] } })],
  ['a time without a zone', (said) => ({ ...said, issuedAt: said.issuedAt.replace('Z', '') })],
  ['a time in another zone', (said) => ({ ...said, expiresAt: said.expiresAt.replace('Z', '+00:00') })],
  ['a time without milliseconds', (said) => ({ ...said, issuedAt: said.issuedAt.replace(/\.\d+/, '') })],
  ['a day that there is not', (said) => ({ ...said, issuedAt: '2026-02-30T00:00:00.000Z' })],
  ['an hour that there is not', (said) => ({ ...said, expiresAt: '2026-11-26T24:00:00.000Z' })],
  ['an end before the beginning', (said) => ({ ...said, expiresAt: said.issuedAt })],
  ['an end in a day', (said) => ({ ...said, expiresAt: new Date(Date.now() + 86_400_000).toISOString() })],
  ['a start in another workspace', (said) => ({ ...said, about: { ...ABOUTS.start, workspace: 'other' } })],
  ['half a digest', (said) => ({ ...said, about: { ...ABOUTS.decide, actionDigest: 'sha256:12' } })],
  ['a decision that is none', (said) => ({ ...said, about: { ...ABOUTS.decide, decision: 'maybe' } })],
  ['a run key that is none', (said) => ({ ...said, about: { ...ABOUTS.undo, runKey: 'refund-1' } })],
  ['a comment in the clear', (said) => ({ ...said, about: { ...ABOUTS.undo, comment: 'why' } })],
]

test.each(MALFORMED)('%s is no statement', async (_what, make) => {
  const made = make(signStatement(key, { about: ABOUTS.decide, who: ben }))
  expect(await refusal(made, useOf(ABOUTS.decide))).toBe('statement_malformed')
})

test('a statement that is too large in all is none, though each part of it is allowed', () => {
  const long = many(MAX_NAMES).map((name) => name.padEnd(200, 'x'))
  const who = { ...ben, groups: long, scopes: long }
  expect(() => signStatement(key, { about: ABOUTS.decide, who })).toThrow('must not be so large')
})

describe('the time of a statement', () => {
  const at = (ms: number): Date => new Date(Date.parse('2026-11-26T10:00:00.000Z') + ms)
  const statement = signStatement(key, { about: ABOUTS.decide, who: ben }, { at: at(0), validMs: 60_000 })
  const when = (ms: number) => refusal(statement, useOf(ABOUTS.decide), { ...verifying, at: at(ms) })

  test.each([
    [-30_001, 'statement_not_yet_valid'],
    [-30_000, undefined],
    [0, undefined],
    [60_000, undefined],
    [89_999, undefined],
    [90_000, 'statement_expired'],
    [86_400_000, 'statement_expired'],
  ])('%i ms after it was issued: %s', async (ms, code) => {
    expect(await when(ms)).toBe(code)
  })
})

describe('the key of a statement', () => {
  const signedAt = new Date('2026-11-26T10:00:00.000Z')
  const before = (ms: number): Date => new Date(signedAt.getTime() - ms)
  const after = (ms: number): Date => new Date(signedAt.getTime() + ms)

  test.each<readonly [string, Partial<IssuerKey>, string | undefined]>([
    ['is in force', {}, undefined],
    ['was revoked before', { revokedAt: before(1) }, 'statement_key_revoked'],
    ['was revoked at that moment', { revokedAt: signedAt }, 'statement_key_revoked'],
    ['was revoked after', { revokedAt: after(1) }, undefined],
    ['is others’, long after', { revokedAt: after(1), compromisedAt: after(86_400_000) }, 'statement_key_revoked'],
    ['began right then, by a clock that is ahead', { validFrom: after(30_000) }, undefined],
    ['began later', { validFrom: after(30_001) }, 'statement_key_out_of_time'],
    ['ended right before, by a clock that is behind', { validTo: before(30_000) }, undefined],
    ['ended before', { validTo: before(30_001) }, 'statement_key_out_of_time'],
    ['ended after', { validTo: after(1) }, undefined],
    ['is for development', { development: true }, 'statement_development'],
    ['is another’s', { publicKey: newKey().key.publicKey }, 'statement_signature_wrong'],
  ])('%s', async (_what, over, code) => {
    const made = newKey(over)
    const statement = signStatement(made.key, { about: ABOUTS.decide, who: ben }, { at: signedAt })
    const how = { keyOf: ring(made.published), at: after(1_000) }
    expect(await refusal(statement, useOf(ABOUTS.decide), how)).toBe(code)
  })

  test('is unknown', async () => {
    const statement = signStatement(newKey().key, { about: ABOUTS.decide, who: ben })
    expect(await refusal(statement, useOf(ABOUTS.decide))).toBe('statement_key_unknown')
  })
})

test('a statement of the past is verified as of then, with a key that has ended since', async () => {
  const then = new Date('2026-05-26T10:00:00.000Z')
  const old = newKey({ validTo: new Date('2026-06-01T00:00:00.000Z'), revokedAt: new Date('2026-06-02T00:00:00.000Z') })
  const statement = signStatement(old.key, { about: ABOUTS.decide, who: ben }, { at: then })
  const keyOf = ring(published, old.published)
  expect(await refusal(statement, useOf(ABOUTS.decide), { keyOf, at: then })).toBeUndefined()
  expect(await refusal(statement, useOf(ABOUTS.decide), { keyOf })).toBe('statement_expired')
})

test('what is no identity is not signed', () => {
  expect(() => signStatement(key, { about: ABOUTS.undo, who: { ...ben, groups: ['b', 'a'] } })).toThrow(
    'must be sorted',
  )
  expect(() => signStatement(key, { about: ABOUTS.start, who: { ...ben, workspace: 'other' } })).toThrow(
    'in the workspace',
  )
  expect(() => signStatement(key, { about: ABOUTS.undo, who: ben }, { validMs: 0 })).toThrow('must expire after')
})

test('what is parsed is what was signed, to the letter', () => {
  const statement = signStatement(key, { about: ABOUTS.start, who: ben })
  expect(canonicalJson(statementSchema().parse(statement))).toBe(canonicalJson(statement))
  expect(statement.who.workspace).toBe(WORKSPACE)
})

test('no message of a refusal holds the signature', async () => {
  const statement = { ...signStatement(key, { about: ABOUTS.undo, who: ben }), extra: 1 }
  const failed: unknown = await verifyStatement(statement, verifying).catch((error: unknown) => error)
  expect(String(failed)).not.toContain(statement.signature)
})
