import { sql } from 'kysely'
import {
  CompactSign,
  type CryptoKey,
  EncryptJWT,
  exportSPKI,
  generateKeyPair,
  importJWK,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import type { AboutKind } from '../../src/contract/statement.ts'
import { signStatement } from '../../src/identity/statements.ts'
import { attemptsSince } from '../../src/ledger/attempts.ts'
import { ABOUTS, ben, KINDS } from '../identity/saying.ts'
import { type GatewayWorld, tokensOfPerson, useGateway } from './gateway-world.ts'
import { AUDIENCE } from './provider.ts'

const world = useGateway()

const seconds = (): number => Math.floor(Date.now() / 1000)

/** What the provider says of Ben, and would sign. */
const payloadOf = ({ provider }: GatewayWorld, over: JWTPayload = {}): JWTPayload => ({
  iss: provider.issuer,
  aud: AUDIENCE,
  sub: 'ben',
  client_id: 'web',
  iat: seconds(),
  exp: seconds() + 600,
  employee_id: '1002',
  groups: ['/acme/refunds'],
  spaces: { acme: ['refunds:write'] },
  ...over,
})

const without = (payload: JWTPayload, claim: string): JWTPayload =>
  Object.fromEntries(Object.entries(payload).filter(([name]) => name !== claim))

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

let real = { access: '', id: '', eve: '' }
beforeAll(async () => {
  const [mine, eve] = await Promise.all(['ben', 'eve'].map((name) => tokensOfPerson(world().provider, name)))
  real = { access: mine?.access_token ?? '', id: mine?.id_token ?? '', eve: eve?.access_token ?? '' }
})

type Make = (at: GatewayWorld) => Promise<string> | string | undefined
const forged =
  (over: JWTPayload, header?: Readonly<Record<string, unknown>>): Make =>
  (at) =>
    at.provider.forge(payloadOf(at, over), header)
const lacking =
  (claim: string): Make =>
  (at) =>
    at.provider.forge(without(payloadOf(at), claim))

/** A token signed by a secret that everybody knows: what a verifier that trusts the header takes for a public key. */
const confused =
  (secretOf: (at: GatewayWorld) => Promise<string> | string): Make =>
  async (at) => {
    const secret = new TextEncoder().encode(await secretOf(at))
    return await new SignJWT(payloadOf(at))
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: 'of-the-provider' })
      .sign(secret)
  }
const pemOf = async ({ provider }: GatewayWorld): Promise<string> =>
  await exportSPKI((await importJWK(provider.publicJwk, 'RS256', { extractable: true })) as CryptoKey)

const strangers = await generateKeyPair('RS256', { extractable: true })
const byStranger =
  (header: Readonly<Record<string, unknown>>): Make =>
  async (at) =>
    await new SignJWT(payloadOf(at))
      .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', ...header })
      .sign(strangers.privateKey)

/** A header of somebody’s wish, without a signature that fits. */
const unsigned =
  (header: unknown, signature = ''): Make =>
  (at) =>
    `${encoded(header)}.${encoded(payloadOf(at))}.${signature}`

/** What is sent in place of a good token, and by which code it is refused. */
const TOKENS: readonly (readonly [what: string, make: Make, code: string])[] = [
  ['no token', () => undefined, 'token_missing'],
  ['an opaque token', () => 'c29tZXRoaW5nIG9wYXF1ZQ', 'token_malformed'],
  [
    'two parts of one',
    (at) => at.provider.forge(payloadOf(at)).then((token) => token.split('.').slice(0, 2).join('.')),
    'token_malformed',
  ],
  ['parts that are no JSON', () => 'abcd.abcd.abcd', 'token_malformed'],
  [
    'an encrypted token',
    (at) =>
      new EncryptJWT(payloadOf(at)).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' }).encrypt(new Uint8Array(32)),
    'token_malformed',
  ],
  ['a token of 20,000 characters', forged({ more: 'x'.repeat(20_000) }), 'token_malformed'],
  [
    'a list for claims',
    async (at) =>
      await new CompactSign(new TextEncoder().encode('[]'))
        .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'of-the-provider' })
        .sign(at.provider.privateKey),
    'token_malformed',
  ],
  [
    'a header that demands more',
    (at) =>
      at.provider
        .forge(payloadOf(at))
        .then(
          (token) =>
            `${encoded({ alg: 'RS256', typ: 'at+jwt', kid: 'of-the-provider', crit: ['exp'], exp: 1 })}.${token.split('.').slice(1).join('.')}`,
        ),
    'token_malformed',
  ],
  ['no signature, by alg none', (at) => new UnsecuredJWT(payloadOf(at)).encode(), 'token_algorithm_refused'],
  ['alg none with the type of an access token', unsigned({ alg: 'none', typ: 'at+jwt' }), 'token_algorithm_refused'],
  ['alg None', unsigned({ alg: 'None', typ: 'at+jwt' }), 'token_algorithm_refused'],
  ['alg nOnE with some signature', unsigned({ alg: 'nOnE', typ: 'at+jwt' }, 'abcd'), 'token_algorithm_refused'],
  ['no alg', unsigned({ typ: 'at+jwt' }, 'abcd'), 'token_algorithm_refused'],
  ['alg as a list', unsigned({ alg: ['RS256'], typ: 'at+jwt' }, 'abcd'), 'token_algorithm_refused'],
  ['HS256 by the public key, as PEM', confused(pemOf), 'token_algorithm_refused'],
  [
    'HS256 by the public key, as PEM without its last line end',
    confused(async (at) => (await pemOf(at)).trim()),
    'token_algorithm_refused',
  ],
  [
    'HS256 by the public key, as JWK',
    confused((at) => JSON.stringify(at.provider.publicJwk)),
    'token_algorithm_refused',
  ],
  ['HS256 by its modulus', confused((at) => at.provider.publicJwk.n ?? ''), 'token_algorithm_refused'],
  [
    'an algorithm that is not listed',
    async (at) =>
      await new SignJWT(payloadOf(at)).setProtectedHeader({ alg: 'RS512', typ: 'at+jwt', kid: 'of-the-provider' }).sign(
        await importJWK(
          {
            ...at.provider.publicJwk,
            ...(await crypto.subtle.exportKey('jwk', at.provider.privateKey)),
            alg: 'RS512',
            key_ops: ['sign'],
          } as never,
          'RS512',
        ),
      ),
    'token_algorithm_refused',
  ],
  [
    'RS256 by alg none with the signature left',
    (at) =>
      at.provider
        .forge(payloadOf(at))
        .then((token) => `${encoded({ alg: 'none', typ: 'at+jwt' })}.${token.split('.').slice(1).join('.')}`),
    'token_algorithm_refused',
  ],
  ['another key under the key id of the provider', byStranger({ kid: 'of-the-provider' }), 'token_signature_wrong'],
  ['another key under no key id', byStranger({}), 'token_signature_wrong'],
  ['a key that nobody publishes', byStranger({ kid: 'of-nobody' }), 'token_key_unknown'],
  [
    'a key in its own header',
    byStranger({ kid: 'mine', jwk: await crypto.subtle.exportKey('jwk', strangers.publicKey) }),
    'token_key_unknown',
  ],
  [
    'a place of keys in its own header',
    byStranger({ kid: 'mine', jku: 'http://127.0.0.1:1/keys' }),
    'token_key_unknown',
  ],
  ['a path for a key id', byStranger({ kid: '../../../../dev/null' }), 'token_key_unknown'],
  ['SQL for a key id', byStranger({ kid: "x' UNION SELECT 'key" }), 'token_key_unknown'],
  [
    'claims that were changed',
    (at) =>
      at.provider
        .forge(payloadOf(at))
        .then((token) =>
          [token.split('.')[0], encoded(payloadOf(at, { sub: 'ana', employee_id: '1' })), token.split('.')[2]].join(
            '.',
          ),
        ),
    'token_signature_wrong',
  ],
  [
    'a signature that was cut',
    (at) => at.provider.forge(payloadOf(at)).then((token) => token.slice(0, -4)),
    'token_signature_wrong',
  ],
  ['a token for another audience', forged({ aud: 'https://shop.acme.example' }), 'token_audience_wrong'],
  [
    'a token for many other audiences',
    forged({ aud: [`${AUDIENCE}/`, AUDIENCE.toUpperCase()] }),
    'token_audience_wrong',
  ],
  ['a token for nobody', lacking('aud'), 'token_audience_wrong'],
  ['another issuer', forged({ iss: 'https://evil.example' }), 'token_issuer_unknown'],
  [
    'the issuer with a slash',
    (at) => at.provider.forge(payloadOf(at, { iss: `${at.provider.issuer}/` })),
    'token_issuer_unknown',
  ],
  ['no issuer', lacking('iss'), 'token_issuer_unknown'],
  ['issuers', (at) => at.provider.forge(payloadOf(at, { iss: [at.provider.issuer] } as never)), 'token_issuer_unknown'],
  [
    'an expired token',
    (at) => at.provider.forge(payloadOf(at, { iat: seconds() - 600, exp: seconds() - 6 })),
    'token_expired',
  ],
  ['a token that expired long ago', (at) => at.provider.forge(payloadOf(at, { iat: 1, exp: 2 })), 'token_expired'],
  ['a token that never expires', lacking('exp'), 'token_malformed'],
  ['an end in words', forged({ exp: 'tomorrow' } as never), 'token_malformed'],
  ['a token of tomorrow, by nbf', forged({ nbf: seconds() + 86_400 }), 'token_not_yet_valid'],
  ['a token of tomorrow, by iat', forged({ iat: seconds() + 86_400, exp: seconds() + 90_000 }), 'token_not_yet_valid'],
  ['a token that was issued long ago', forged({ iat: seconds() - 86_400, exp: seconds() + 86_400 }), 'token_too_old'],
  ['a token of no time', lacking('iat'), 'token_malformed'],
  ['an ID token of the same provider', () => real.id, 'token_type_wrong'],
  ['a JWT of another type', forged({}, { typ: 'JWT' }), 'token_type_wrong'],
  ['a logout token', forged({}, { typ: 'logout+jwt' }), 'token_type_wrong'],
  ['a token that is bound to a key, without a proof', forged({ cnf: { jkt: 'of a key' } }), 'token_type_wrong'],
  ['a token of no type', forged({}, { typ: undefined }), 'token_type_wrong'],
  [
    'a statement',
    (at) =>
      Buffer.from(JSON.stringify(signStatement(at.key, { about: ABOUTS.decide, who: ben }))).toString('base64url'),
    'token_malformed',
  ],
  ['a token without a subject', lacking('sub'), 'identity_unmapped'],
  ['a token of a service with NUL in its name', forged({ sub: 'a\0b', client_id: 'a\0b' }), 'identity_unmapped'],
  [
    'a token of a service whose name is too long',
    forged({ sub: 'a'.repeat(300), client_id: 'a'.repeat(300) }),
    'identity_unmapped',
  ],
  ['a token of a person without a number', lacking('employee_id'), 'identity_unmapped'],
  ['a real token of somebody whom no mapping finds', () => real.eve, 'identity_unmapped'],
  ['a token whose number is no text', forged({ employee_id: 1002 }), 'identity_unmapped'],
  ['a token whose groups are no list', forged({ groups: { '/acme/refunds': true } }), 'identity_unmapped'],
  [
    'a token with a hundred and one scopes',
    forged({ spaces: { acme: Array.from({ length: 101 }, (_, at) => `s${at}`) } }),
    'identity_unmapped',
  ],
  ['a token of no workspace', lacking('spaces'), 'workspace_refused'],
  ['a token of another workspace', forged({ spaces: { other: ['refunds:write'], more: [] } }), 'workspace_refused'],
]

const STATUS: Readonly<Record<string, number>> = {
  identity_unmapped: 403,
  workspace_refused: 403,
  about_invalid: 400,
  about_too_large: 413,
}

/** Asks, and expects a refusal with this code, that nothing was signed or used, and that the attempt is logged without the token. */
async function expectRefused(ask: () => Promise<Response>, code: string, token: string | undefined): Promise<void> {
  const { db } = world()
  const last = (await attemptsSince(db, '0')).at(-1)?.id ?? '0'
  const response = await ask()
  const text = await response.text()
  const problem = JSON.parse(text) as { readonly code: string; readonly detail: string }
  expect([response.status, problem.code]).toEqual([STATUS[code] ?? 401, code])
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(response.headers.has('www-authenticate')).toBe(response.status === 401)
  expect(text).not.toContain('"statement"')
  const attempts = await attemptsSince(db, last)
  expect(attempts).toMatchObject([{ refused: { code, reason: problem.detail }, signed: null }])
  const secret = token?.split('.').filter((part) => part.length > 20) ?? []
  const told = `${text}${JSON.stringify(attempts)}`
  expect(secret.filter((part) => told.includes(part))).toEqual([])
  const { rows } = await sql`SELECT 1 FROM countersign.statements WHERE about <> 'start'`.execute(db)
  expect(rows).toEqual([])
}

describe.each(TOKENS)('%s', (_what, make, code) => {
  test.each(KINDS)(`signs no %s: ${code}`, async (kind: AboutKind) => {
    const token = await make(world())
    await expectRefused(() => world().post(token, { about: ABOUTS[kind] }), code, token)
  })
})

const { start, decide, undo } = ABOUTS
const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJiZW4ifQ.c2lnbmF0dXJl'

/** What somebody with a good token sends, and by which code it is refused. */
const BODIES: readonly (readonly [what: string, body: unknown, code?: string])[] = [
  ['nothing', ''],
  ['no JSON', '{about: 1}'],
  ['null', 'null'],
  ['a list', '[]'],
  ['a text', '"about"'],
  ['nothing to say', {}],
  ['null to say', { about: null }],
  ['a field more', { about: decide, admin: true }],
  ['who it is to be', { about: decide, who: ben }],
  ['another subject', { about: decide, subject: 'ana' }],
  ['groups', { about: decide, groups: ['admins'] }],
  ['a time until when', { about: decide, expiresAt: '2100-01-01T00:00:00.000Z' }],
  ['a nonce', { about: decide, nonce: 'A'.repeat(32) }],
  ['a field more of what is said', { about: { ...decide, by: 'ana' } }],
  ['a comment in the clear', { about: { ...decide, comment: 'fine' } }],
  ['an unknown kind', { about: { ...decide, kind: 'delete' } }],
  ['no kind', { about: { ...decide, kind: undefined } }],
  ['two kinds', { about: { ...decide, kind: ['decide', 'undo'] } }],
  ['a decision that is none', { about: { ...decide, decision: 'maybe' } }],
  ['no run', { about: { ...undo, runKey: undefined } }],
  ['a run key that is none', { about: { ...undo, runKey: 'refund-1' } }],
  ['a run key of 2,000 characters', { about: { ...undo, runKey: `${'x'.repeat(2_000)}/y` } }],
  ['half a digest', { about: { ...undo, whyDigest: 'sha256:12' } }],
  ['a digest in capitals', { about: { ...undo, whyDigest: undo.whyDigest.toUpperCase() } }],
  ['a digest of another algorithm', { about: { ...undo, whyDigest: undo.whyDigest.replace('sha256', 'md5') } }],
  ['NUL in a run key', { about: { ...undo, runKey: 'a\0b/c' } }],
  ['NUL in a step', { about: { ...decide, step: 'a\0b' } }],
  ['NUL in a workflow id', { about: { ...start, workflowId: 'a\0b' } }],
  ['NUL in a name', { about: { ...ABOUTS.stop, name: 'a\0b' } }],
  ['half a character in a name', { about: { ...ABOUTS.stop, name: 'a\uD800' } }],
  ['an unknown scope', { about: { ...ABOUTS.stop, scope: 'everything' } }],
  ['a number for a step', { about: { ...decide, step: 1 } }],
  ['an invisible principal', { about: { ...start, onBehalfOf: '\u200B' } }],
  ['an alias for whom it acts', { about: { ...start, onBehalfOf: '1002' } }],
  ['an alias in other letters', { about: { ...start, onBehalfOf: '１００２' } }],
  ['the name of a person in other letters', { about: { ...start, onBehalfOf: 'BEN@acme.example' } }],
  ['a start in another workspace than it asks for', { about: start, workspace: 'other' }],
  ['a start in a workspace that is not his', { about: { ...start, workspace: 'other' } }, 'workspace_refused'],
  ['a workspace that is not his', { about: decide, workspace: 'other' }, 'workspace_refused'],
  ['a workspace that objects have', { about: decide, workspace: '__proto__' }, 'workspace_refused'],
  ['a workspace that is a number', { about: decide, workspace: 1 }],
  ['a prototype', '{"about":{"__proto__":{"kind":"undo"}}}'],
  ['a token for a workflow id', { about: { ...start, workflowId: jwt } }],
  ['a token for a key of JSON', { about: { ...start, [jwt]: 1 } }],
  [
    'a token that is escaped',
    JSON.stringify({ about: { ...start, workflowId: 'X' } }).replace('"X"', `"\\u0065${jwt.slice(1)}"`),
  ],
  ['lists within lists, 5,000 deep', `${'['.repeat(5_000)}${']'.repeat(5_000)}`],
  ['21,000 bytes', { about: decide, more: 'x'.repeat(21_000) }, 'about_too_large'],
  ['21,000 bytes of blanks', `${' '.repeat(21_000)}${JSON.stringify({ about: decide })}`, 'about_too_large'],
]

const SENT = BODIES.map(([what, body, code = 'about_invalid']) => ({ what, body, code }))

test.each(SENT)('of somebody with a good token: $what is not signed', async ({ body, code }) => {
  await expectRefused(() => world().post(real.access, body), code, real.access)
})

test('his own token in the request is not signed, wherever it stands', async () => {
  for (const body of [{ about: decide, [real.access]: 1 }, { about: { ...decide, [real.access]: 1 } }]) {
    await expectRefused(() => world().post(real.access, body), 'about_invalid', real.access)
  }
  for (const field of ['workflowId', 'onBehalfOf', 'workspace'] as const) {
    const body = { about: { ...start, [field]: real.access } }
    await expectRefused(() => world().post(real.access, body), 'about_invalid', real.access)
  }
})

test('an opaque token that stands in the request is not told either', async () => {
  const token = 'c29tZXRoaW5nLW9wYXF1ZS1hbmQtbG9uZw'
  const body = { about: { ...decide, [token]: 1 } }
  await expectRefused(() => world().post(token, body), 'token_malformed', token)
})

test.each([
  ['text/plain'],
  ['application/x-www-form-urlencoded'],
  ['multipart/form-data; boundary=x'],
  ['application/jsonp'],
])('a page of another site can send %s without asking, and nothing of it is signed', async (type) => {
  const ask = () => world().post(real.access, { about: decide }, { 'Content-Type': type })
  await expectRefused(ask, 'about_invalid', real.access)
})

test.each([
  ['another scheme', 'Basic YmVuOmJlbg=='],
  ['a scheme alone', 'Bearer'],
  ['two tokens', 'Bearer a b'],
])('%s is no token', async (_what, authorization) => {
  const ask = () => world().post(undefined, { about: decide }, { Authorization: authorization })
  await expectRefused(ask, 'token_missing', undefined)
})

test('a token in the query, in a cookie or in the body is not looked at', async () => {
  const url = `${world().url}/v1/statements?access_token=${real.access}`
  const init = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Cookie: `token=${real.access}` },
    body: JSON.stringify({ about: decide, access_token: real.access }),
  }
  await expectRefused(() => fetch(url, init), 'token_missing', real.access)
})

test('a large request in pieces, of no announced length, is refused as that', async () => {
  const ask = () =>
    fetch(`${world().url}/v1/statements`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${real.access}` },
      body: ReadableStream.from(Array.from({ length: 30 }, () => new TextEncoder().encode(' '.repeat(1_000)))),
      duplex: 'half',
    })
  await expectRefused(ask, 'about_too_large', real.access)
})

test('nothing of all this was a defect, or told to the operator as one', () => {
  expect(world().errors).toEqual([])
})
