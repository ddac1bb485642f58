import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import type { Statement } from '../../src/contract/statement.ts'
import { verifyUse } from '../../src/identity/statements.ts'
import { attemptsSince } from '../../src/ledger/attempts.ts'
import { findIssuerKey } from '../../src/ledger/issuer-keys.ts'
import { ABOUTS, KINDS, useOf } from '../identity/saying.ts'
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
