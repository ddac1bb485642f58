import { decodeJwt } from 'jose'
import { describe, expect, test } from 'vitest'
import type { Statement } from '../../src/contract/statement.ts'
import { verifyUse } from '../../src/identity/statements.ts'
import { attemptsSince } from '../../src/ledger/attempts.ts'
import { findIssuerKey } from '../../src/ledger/issuer-keys.ts'
import { ABOUTS, KINDS, useOf } from '../identity/saying.ts'
import { knownOf } from '../../src/ledger/people.ts'
import { AUDIENCE } from './provider.ts'
import { tokenOfService, tokensOfPerson, useGateway } from './gateway-world.ts'

const world = useGateway()
const keyOf = (keyId: string) => findIssuerKey(world().db, keyId)
const signed = async (response: Response): Promise<Statement> => {
  const { statement } = (await response.json()) as { statement: Statement }
  expect(response.status).toBe(201)
  return statement
}

test('a person who logged in with PKCE has signed what he says, and any host verifies it', async () => {
  const { access_token: token } = await tokensOfPerson(world().provider, 'ben')
  for (const kind of KINDS) {
    const about = ABOUTS[kind]
    const statement = await signed(await world().post(token, { about }))
    expect(await verifyUse(statement, useOf(about), { keyOf })).toEqual(statement)
    expect(statement.who).toEqual({
      subject: 'ben@acme.example',
      issuer: world().provider.issuer,
      kind: 'user',
      groups: ['refund-approvers'],
      scopes: ['refunds:write'],
      workspace: 'acme',
      assurance: {},
      development: false,
    })
    expect((await attemptsSince(world().db, '0')).at(-1)).toMatchObject({
      source: '127.0.0.1',
      refused: null,
      who: { issuer: world().provider.issuer, subject: 'ben@acme.example', workspace: 'acme' },
      about,
      signed: { nonce: statement.nonce, keyId: world().key.keyId },
    })
  }
})

test('another account of the same human is the same subject', async () => {
  const { access_token: token } = await tokensOfPerson(world().provider, 'ben-admin')
  const { who } = await signed(await world().post(token, { about: ABOUTS.decide }))
  expect(who.subject).toBe('ben@acme.example')
})

describe('a token that is older than one that was seen', () => {
  const now = Math.floor(Date.now() / 1000)
  const forge = (sub: string, over: object) => {
    const { provider } = world()
    return provider.forge({
      iss: provider.issuer,
      aud: AUDIENCE,
      sub,
      client_id: 'web',
      iat: now,
      exp: now + 600,
      employee_id: sub,
      groups: ['/acme/refunds'],
      spaces: { acme: ['refunds:write'], other: [] },
      ...over,
    })
  }
  const ask = (token: string, workspace: string) => world().post(token, { about: ABOUTS.undo, workspace })
  const seenSince = async (statement: Statement) => (await knownOf(world().db, statement)).seen?.groups

  test('gives no group back', async () => {
    const sub = 'lost-a-group'
    const old = await forge(sub, { iat: now - 300 })
    const before = await signed(await ask(old, 'acme'))
    await signed(await ask(await forge(sub, { groups: [] }), 'acme'))
    const again = await signed(await ask(old, 'acme'))
    expect([again.who.groups, await seenSince(before)]).toEqual([[], []])
  })

  test('gives no workspace back', async () => {
    const sub = 'lost-a-workspace'
    const old = await forge(sub, { iat: now - 300 })
    await signed(await ask(await forge(sub, { spaces: { acme: [] } }), 'acme'))
    const refused = await ask(old, 'other')
    expect([refused.status, await refused.json()]).toMatchObject([403, { code: 'workspace_refused' }])
    await signed(await ask(old, 'acme'))
  })
})

test.each(['a\0', 'a\ud800'])(
  'a workspace that no text can name (%j) is refused, and the attempt is logged',
  async (name) => {
    const { provider, post, db } = world()
    const iat = Math.floor(Date.now() / 1000)
    const claims = { iss: provider.issuer, aud: AUDIENCE, sub: 'ben', client_id: 'web', iat, exp: iat + 600 }
    const token = await provider.forge({ ...claims, employee_id: '1002', groups: [], spaces: { [name]: [] } })
    const refused = await post(token, { about: ABOUTS.undo })
    expect([refused.status, await refused.json()]).toMatchObject([403, { code: 'identity_unmapped' }])
    expect((await attemptsSince(db, '0')).at(-1)).toMatchObject({ refused: { code: 'identity_unmapped' } })
  },
)

test('a service has a token by client credentials, and is one', async () => {
  const token = await tokenOfService(world().provider)
  const { who } = await signed(await world().post(token, { about: ABOUTS.start }))
  expect(who).toMatchObject({ subject: 'acme:refund-service', kind: 'service', groups: [], scopes: ['refunds:ask'] })
})

test('who is of several workspaces says which; a start says so itself', async () => {
  const { access_token: token } = await tokensOfPerson(world().provider, 'ana')
  const refused = await world().post(token, { about: ABOUTS.undo })
  expect([refused.status, await refused.json()]).toMatchObject([403, { code: 'workspace_refused' }])
  const there = await signed(await world().post(token, { about: ABOUTS.undo, workspace: 'other' }))
  expect(there.who).toMatchObject({ workspace: 'other', scopes: [] })
  expect((await signed(await world().post(token, { about: ABOUTS.start }))).who.scopes).toEqual(['refunds:ask'])
})

test('a workflow id that only begins like a token is one like others', async () => {
  const token = await tokenOfService(world().provider)
  for (const workflowId of ['keyJournal-2026.11', 'eyJournal-12345678', 'a/eyJ.b']) {
    const statement = await signed(await world().post(token, { about: { ...ABOUTS.start, workflowId } }))
    expect(statement.about).toMatchObject({ workflowId })
  }
})

test('no part of the token is in the statement or in the log', async () => {
  const { access_token: token } = await tokensOfPerson(world().provider, 'ben')
  const text = JSON.stringify([
    await signed(await world().post(token, { about: ABOUTS.decide })),
    await attemptsSince(world().db, '0'),
  ])
  const parts = [...token.split('.'), String(decodeJwt(token).jti)]
  expect(parts.filter((part) => text.includes(part))).toEqual([])
})

test('the keys are there for everybody, and nothing but public ones', async () => {
  const response = await fetch(`${world().url}/v1/keys`)
  expect(await response.json()).toEqual({
    keys: [
      {
        keyId: world().key.keyId,
        publicKey: world().key.publicKey,
        issuer: 'gateway',
        development: false,
        validFrom: expect.any(String) as string,
        validTo: null,
        revokedAt: null,
        compromisedAt: null,
      },
    ],
  })
})

test.each([
  ['GET', '/v1/keys', 200],
  ['GET', '/healthz', 200],
  ['GET', '/v1/statements', 404],
  ['PUT', '/v1/statements', 404],
  ['OPTIONS', '/v1/statements', 404],
  ['POST', '/v1/keys', 404],
  ['GET', '/', 404],
  ['GET', '/v1/../../etc/passwd', 404],
  ['POST', '/v1/statements', 401],
])('%s %s is answered %i, to no other site’s page, and is kept nowhere', async (method, path, status) => {
  const response = await fetch(`${world().url}${path}`, { method, headers: { Origin: 'https://evil.example' } })
  expect(response.status).toBe(status)
  const { headers } = response
  expect(headers.get('cache-control')).toBe('no-store')
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('content-security-policy')).toContain("default-src 'none'")
  expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([])
})
