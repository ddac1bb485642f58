import { createPublicKey } from 'node:crypto'
import { decodeProtectedHeader, importSPKI, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { type Granted, signCredential } from '../../src/identity/credentials.ts'
import { hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import { principalNamed } from '../support/people.ts'

/* What a tool shows to a system of record; verified with another library than signs it. */
const key = hostKeyOf(newHostKey())
const ANA = principalNamed('ana@acme.example', 'acme', { development: false, issuer: 'https://login.acme.example' })
const GRANTED: Granted = {
  runKey: 'refund-1/run-1',
  step: 'billing.refund-1',
  tool: 'billing.refund',
  principal: ANA,
  scopes: ['refunds:write', 'refunds:read'],
  validMs: 30_000,
}
const verified = async (token: string, audience = 'billing.refund', by = key) =>
  (
    await jwtVerify(token, await importSPKI(by.publicKey, 'EdDSA'), {
      issuer: 'countersign',
      audience,
      algorithms: ['EdDSA'],
    })
  ).payload

test('a credential says for whom, where, for which step and for how long, and any system verifies it with the key of the host', async () => {
  const token = signCredential(key, GRANTED)
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'EdDSA', typ: 'JWT', kid: key.keyId })
  const payload = await verified(token)
  const { iat = 0, exp = 0, ...said } = payload
  expect(said).toEqual({
    iss: 'countersign',
    aud: 'billing.refund',
    sub: 'ana@acme.example',
    workspace: 'acme',
    scope: 'refunds:write refunds:read',
    run: 'refund-1/run-1',
    step: 'billing.refund-1',
  })
  expect(exp - iat).toBe(30)
  expect(Math.abs(iat - Date.now() / 1000)).toBeLessThan(5)
})

test('it says for whom somebody acts, and that nobody proved anything', async () => {
  const principal = { ...ANA, onBehalfOf: 'cleo@acme.example', development: true }
  expect(await verified(signCredential(key, { ...GRANTED, principal }))).toMatchObject({
    sub: 'ana@acme.example',
    act_for: 'cleo@acme.example',
    development: true,
  })
})

test.each([
  [-5_000, 1],
  [0, 1],
  [1, 1],
  [1_001, 2],
  [60_000, 60],
])('valid for %i ms is valid for %i s', async (validMs, seconds) => {
  const { iat = 0, exp = 0 } = await verified(signCredential(key, { ...GRANTED, validMs }))
  expect(exp - iat).toBe(seconds)
})

test('a credential is worth nothing for another tool, altered, under another key, or unsigned', async () => {
  const token = signCredential(key, GRANTED)
  const [head = '', body = '', signature = ''] = token.split('.')
  const as = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as object
  await expect(verified(token, 'helpdesk.reply')).rejects.toThrow('"aud"')
  await expect(verified([head, as({ ...claims, scope: 'everything' }), signature].join('.'))).rejects.toThrow(
    'signature',
  )
  await expect(verified(token, undefined, hostKeyOf(newHostKey()))).rejects.toThrow('signature')
  await expect(verified(`${as({ alg: 'none' })}.${body}.`)).rejects.toThrow('alg')
  const spki = createPublicKey(key.publicKey).export({ type: 'spki', format: 'der' })
  expect(token).not.toContain(spki.toString('base64url'))
})
