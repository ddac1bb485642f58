import type { JWTPayload } from 'jose'
import { sql } from 'kysely'
import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { runKeyOf } from '../../src/contract/evidence.ts'
import type { FailureCode } from '../../src/contract/failures.ts'
import { codecCallsSince } from '../../src/ledger/codec-calls.ts'
import { destroyDataKeys } from '../../src/ledger/data-keys.ts'
import { withdraw } from '../../src/ledger/people.ts'
import { insertRun } from '../../src/ledger/runs.ts'
import { decryptPayload, encryptPayload } from '../../src/privacy/codec.ts'
import { ledgerDataKeys } from '../../src/privacy/data-keys.ts'
import { localMasterKeys, withNewMasterKey } from '../../src/privacy/master-keys.ts'
import { type GatewayWorld, useGateway } from '../gateway/gateway-world.ts'
import { AUDIENCE } from '../gateway/provider.ts'
import { principalNamed, startOf } from '../support/people.ts'
import { ANA, codeOfFailed, runOf } from '../worker/ledger-case.ts'

/* What the codec server answers, and what it does not: every refusal has its code, shows nothing, and is in the log. */

const PAGE = 'https://temporal.acme.example'
const masterKeys = localMasterKeys(JSON.stringify(withNewMasterKey(undefined)))
const world = useGateway({
  payloads: (db) => ({ dataKeys: ledgerDataKeys(db, masterKeys), masterKeys, origins: [PAGE] }),
})

const seconds = (): number => Math.floor(Date.now() / 1000)
const tokenOf = (at: GatewayWorld, spaces: Readonly<Record<string, readonly string[]>>, over: JWTPayload = {}) =>
  at.provider.forge({
    iss: at.provider.issuer,
    aud: AUDIENCE,
    sub: 'ben',
    client_id: 'web',
    iat: seconds(),
    exp: seconds() + 600,
    employee_id: '1002',
    groups: [],
    spaces,
    ...over,
  })
const reader = (at: GatewayWorld, over: JWTPayload = {}) => tokenOf(at, { acme: ['payloads:read'] }, over)

const SECRET = 'Mia Muster, mia@customer.example'
const plain = (text = SECRET) => ({
  metadata: { encoding: Buffer.from('json/plain') },
  data: Buffer.from(JSON.stringify(text)),
})
interface Sent {
  readonly metadata?: Readonly<Record<string, string>>
  readonly data?: string
}
const sent = ({ metadata, data }: { readonly metadata?: object | null; readonly data?: Uint8Array | null }): Sent => ({
  metadata: Object.fromEntries(
    Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value as Uint8Array).toString('base64')]),
  ),
  data: Buffer.from(data ?? []).toString('base64'),
})
const back = ({ metadata, data }: Sent) => ({
  metadata: Object.fromEntries(
    Object.entries(metadata ?? {}).map(([name, value]) => [name, new Uint8Array(Buffer.from(value, 'base64'))]),
  ),
  data: new Uint8Array(Buffer.from(data ?? '', 'base64')),
})

/** A payload of a workflow that was opened in a workspace. */
async function payloadIn(workspace: string, { namespace = 'default', starter = 'ana' } = {}) {
  const { db } = world()
  const workflowId = `codec-${randomUUID()}`
  const key = await ledgerDataKeys(db, masterKeys).keyFor(namespace, workflowId)
  const principal = principalNamed(starter, workspace)
  await insertRun(db, {
    ...runOf(runKeyOf(workflowId, 'run-1')),
    principal,
    statement: startOf(workflowId, principal),
  })
  return { workflowId, keyId: key.keyId, payload: sent(encryptPayload(key, plain())) }
}

interface Answer {
  readonly payloads?: readonly Sent[]
  readonly code?: string
}
async function ask(
  path: string,
  token: string | undefined,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
) {
  const response = await fetch(`${world().url}${path}`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'X-Namespace': 'default',
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  return {
    response,
    text,
    body: JSON.parse(text) as Answer,
    notDecoded: response.headers.get('countersign-not-decoded'),
  }
}
const decode = (token: string | undefined, payloads: readonly Sent[], headers?: Readonly<Record<string, string>>) =>
  ask('/codec/decode', token, { payloads }, headers)

let seen = '0'
beforeEach(async () => {
  seen = (await codecCallsSince(world().db, '0')).at(-1)?.id ?? '0'
})
/** The one call that was made in a test. */
async function logged() {
  const calls = await codecCallsSince(world().db, seen)
  expect(calls).toHaveLength(1)
  return calls[0] as NonNullable<(typeof calls)[0]>
}

const SHOWN = Buffer.from(JSON.stringify(SECRET)).toString('base64')

test('who has the scope in the workspace of the run is shown the payload, and the call is in the log', async () => {
  const { payload, keyId } = await payloadIn('acme')
  const { response, body, notDecoded } = await decode(await reader(world()), [payload, sent(plain('in the clear'))])
  expect(response.status).toBe(200)
  expect(body.payloads?.map(({ data }) => data)).toEqual([SHOWN, sent(plain('in the clear')).data])
  expect(notDecoded).toBeNull()
  expect(await logged()).toMatchObject({
    kind: 'decode',
    source: '127.0.0.1',
    origin: null,
    namespace: 'default',
    refused: null,
    who: { issuer: world().provider.issuer, subject: 'ben@acme.example' },
    payloads: 2,
    passed: 1,
    keys: [{ key: keyId, payloads: 1, code: null }],
  })
})

test('the namespace may stand in the path, as Temporal`s CLI puts it there', async () => {
  const { payload } = await payloadIn('acme', { namespace: 'prod' })
  const token = await reader(world())
  const { body } = await ask('/codec/prod/decode', token, { payloads: [payload] }, { 'X-Namespace': 'prod' })
  expect(body.payloads?.[0]?.data).toBe(SHOWN)
})

type Case = readonly [
  what: string,
  make: () => Promise<{ readonly payload: Sent; readonly token?: string; readonly namespace?: string }>,
  code: FailureCode,
]

/** What comes back as it was sent: the call itself was in order. */
const KEPT: readonly Case[] = [
  [
    'a payload of another workspace',
    async () => ({ payload: (await payloadIn('other')).payload }),
    'workspace_refused',
  ],
  [
    'without the scope in the workspace of the run',
    async () => ({
      payload: (await payloadIn('acme')).payload,
      token: await tokenOf(world(), { acme: ['refunds:write'], other: ['payloads:read'] }),
    }),
    'scope_missing',
  ],
  [
    'a workflow id that had a run in another workspace, too',
    async () => {
      const { payload, workflowId } = await payloadIn('acme')
      const elsewhere = principalNamed('ana', 'other')
      const run = { ...runOf(runKeyOf(workflowId, 'run-2')), principal: elsewhere }
      await insertRun(world().db, { ...run, statement: startOf(workflowId, elsewhere) })
      return { payload }
    },
    'workspace_refused',
  ],
  [
    'a payload of another namespace',
    async () => ({ payload: (await payloadIn('acme', { namespace: 'prod' })).payload }),
    'payload_moved',
  ],
  [
    'a payload of a run that no worker opened',
    async () => {
      const key = await ledgerDataKeys(world().db, masterKeys).keyFor('default', `codec-${randomUUID()}`)
      return { payload: sent(encryptPayload(key, plain())) }
    },
    'workspace_refused',
  ],
  [
    'an unknown key',
    async () => {
      const { payload } = await payloadIn('acme')
      const named = Buffer.from(randomUUID()).toString('base64')
      return { payload: { ...payload, metadata: { ...payload.metadata, 'countersign-key': named } } }
    },
    'payload_key_unknown',
  ],
  [
    'no key',
    async () => {
      const { encoding = '' } = (await payloadIn('acme')).payload.metadata ?? {}
      return { payload: { metadata: { encoding }, data: '' } }
    },
    'payload_key_unknown',
  ],
  [
    'a key that is none of runs',
    async () => {
      await ledgerDataKeys(world().db, masterKeys).hiddenName('somebody')
      const { payload } = await payloadIn('acme')
      const { rows } = await sql<{
        id: string
      }>`SELECT key_id AS id FROM countersign.data_keys WHERE kind = 'index'`.execute(world().db)
      const named = Buffer.from(rows[0]?.id ?? '').toString('base64')
      return { payload: { ...payload, metadata: { ...payload.metadata, 'countersign-key': named } } }
    },
    'payload_key_unknown',
  ],
  [
    'half a payload',
    async () => {
      const { payload } = await payloadIn('acme')
      return {
        payload: {
          ...payload,
          data: Buffer.from(payload.data ?? '', 'base64')
            .subarray(0, 40)
            .toString('base64'),
        },
      }
    },
    'payload_damaged',
  ],
  [
    'a payload that says to be of no workflow, and is of one',
    async () => {
      const { payload } = await payloadIn('acme')
      const none = Buffer.from('none').toString('base64')
      return { payload: { ...payload, metadata: { ...payload.metadata, 'countersign-bound': none } } }
    },
    'payload_damaged',
  ],
]

describe('what cannot or may not be decoded comes back as it was sent', () => {
  test.each(KEPT)('%s', async (_, make, code) => {
    const { payload, token = await reader(world()) } = await make()
    const { response, body, text, notDecoded } = await decode(token, [payload])
    expect(response.status).toBe(200)
    expect(body).toEqual({ payloads: [payload] })
    expect(text).not.toContain(SHOWN)
    expect(notDecoded).toBe(`${code}=1`)
    const call = await logged()
    expect(call).toMatchObject({ refused: null, payloads: 1, passed: 0, who: { subject: 'ben@acme.example' } })
    expect(call.keys).toEqual([expect.objectContaining({ payloads: 1, code })])
  })

  test('an erased payload reads `ERASED`, to those who could read it', async () => {
    const { payload, workflowId, keyId } = await payloadIn('acme')
    const other = await payloadIn('other')
    for (const of of [workflowId, other.workflowId]) await destroyDataKeys(world().db, { workflowId: of }, 'asked for')
    const { response, body, notDecoded } = await decode(await reader(world()), [payload, other.payload])
    expect(response.status).toBe(200)
    expect(body.payloads).toEqual([sent(plain('ERASED')), other.payload])
    expect(notDecoded).toBe('payload_erased=1, workspace_refused=1')
    expect((await logged()).keys).toContainEqual({ key: keyId, payloads: 1, code: 'payload_erased' })
  })

  test('one that cannot be decoded does not keep the others from it', async () => {
    const [good, bad] = [await payloadIn('acme'), await payloadIn('other')]
    const { body } = await decode(await reader(world()), [bad.payload, good.payload, bad.payload])
    expect(body.payloads?.map(({ data }) => data)).toEqual([bad.payload.data, SHOWN, bad.payload.data])
    expect(await logged()).toMatchObject({
      payloads: 3,
      passed: 1,
      keys: [
        { key: bad.keyId, payloads: 2, code: 'workspace_refused' },
        { key: good.keyId, payloads: 1, code: null },
      ],
    })
  })
})

/** What is refused as a whole. */
type Refusal = readonly [
  what: string,
  make: (at: GatewayWorld) => Promise<{
    readonly token?: string
    readonly body?: (payload: Sent) => unknown
    readonly headers?: Readonly<Record<string, string>>
  }>,
  code: FailureCode,
  status: number,
]
const REFUSED: readonly Refusal[] = [
  ['no token', async () => ({}), 'token_missing', 401],
  [
    'a token of another audience',
    async (at) => ({ token: await reader(at, { aud: 'https://else.example' }) }),
    'token_audience_wrong',
    401,
  ],
  [
    'a token of another issuer',
    async (at) => ({ token: await reader(at, { iss: 'https://else.example' }) }),
    'token_issuer_unknown',
    401,
  ],
  [
    'a token that has expired',
    async (at) => ({ token: await reader(at, { iat: seconds() - 900, exp: seconds() - 60 }) }),
    'token_expired',
    401,
  ],
  [
    'a token of no workspace',
    async (at) => ({ token: await tokenOf(at, {}, { employee_id: '1009' }) }),
    'workspace_refused',
    403,
  ],
  [
    'a token of nobody',
    async (at) => ({ token: await reader(at, { employee_id: undefined }) }),
    'identity_unmapped',
    403,
  ],
  [
    'a page of another origin',
    async (at) => ({ token: await reader(at), headers: { Origin: 'https://evil.example' } }),
    'origin_refused',
    403,
  ],
  [
    'a page on another port',
    async (at) => ({ token: await reader(at), headers: { Origin: `${PAGE}:8443` } }),
    'origin_refused',
    403,
  ],
  [
    'a page of no origin',
    async (at) => ({ token: await reader(at), headers: { Origin: 'null' } }),
    'origin_refused',
    403,
  ],
  [
    '10 MB',
    async (at) => ({
      token: await reader(at),
      body: (payload) => ({ payloads: [payload, { data: 'A'.repeat(10_000_000) }] }),
    }),
    'codec_request_too_large',
    413,
  ],
  [
    'malformed Base64',
    async (at) => ({
      token: await reader(at),
      body: (payload) => ({ payloads: [{ ...payload, data: 'no Base64!' }] }),
    }),
    'codec_request_invalid',
    400,
  ],
  [
    'cut Base64 in the metadata',
    async (at) => ({ token: await reader(at), body: () => ({ payloads: [{ metadata: { encoding: 'YWJjZ' } }] }) }),
    'codec_request_invalid',
    400,
  ],
  ['no JSON', async (at) => ({ token: await reader(at), body: () => '{"payloads": [' }), 'codec_request_invalid', 400],
  ['a list', async (at) => ({ token: await reader(at), body: () => [] }), 'codec_request_invalid', 400],
  [
    'what is no payload',
    async (at) => ({ token: await reader(at), body: () => ({ payloads: ['text'] }) }),
    'codec_request_invalid',
    400,
  ],
  [
    '2,001 payloads',
    async (at) => ({
      token: await reader(at),
      body: (payload) => ({ payloads: Array.from({ length: 2_001 }, () => payload) }),
    }),
    'codec_request_invalid',
    400,
  ],
  [
    'a form of a page',
    async (at) => ({ token: await reader(at), headers: { 'Content-Type': 'text/plain' } }),
    'codec_request_invalid',
    400,
  ],
  [
    'no namespace',
    async (at) => ({ token: await reader(at), headers: { 'X-Namespace': '' } }),
    'codec_request_invalid',
    400,
  ],
]

describe('what is refused as a whole shows nothing', () => {
  test.each(REFUSED)('%s', async (_, make, code, status) => {
    const { payload } = await payloadIn('acme')
    const { token, body = (one) => ({ payloads: [one] }), headers } = await make(world())
    for (const path of ['/codec/decode', '/codec/encode', '/data-keys']) {
      const before = await keyCount()
      const { response, text, body: answered } = await ask(path, token, body(payload), headers)
      expect(response.status, path).toBe(status)
      expect(answered.code, path).toBe(code)
      expect(text).not.toContain(SHOWN)
      expect(text).not.toContain(token ?? 'no token')
      expect(response.headers.get('access-control-allow-origin')).toBeNull()
      expect(await keyCount(), 'a key was made').toBe(before)
    }
    const calls = await codecCallsSince(world().db, seen)
    expect(calls.map(({ kind, refused, passed }) => [kind, refused?.code, passed])).toEqual(
      ['decode', 'encode', 'data_key'].map((kind) => [kind, code, 0]),
    )
    expect(JSON.stringify(calls)).not.toContain(token ?? 'no token')
  })

  test('somebody whose word was withdrawn', async () => {
    const { payload } = await payloadIn('acme')
    await withdraw(world().db, { subject: '1077', group: null, reason: 'left', by: 'test' })
    const { response, body } = await decode(await reader(world(), { employee_id: '1077' }), [payload])
    expect([response.status, body.code]).toEqual([403, 'standing_lost'])
    expect(await logged()).toMatchObject({ refused: { code: 'standing_lost' }, passed: 0, who: { subject: '1077' } })
  })

  test('somebody by an older token, whose newer one is not of the workspace', async () => {
    const { payload } = await payloadIn('acme')
    const older = await reader(world(), { employee_id: '1078', iat: seconds() - 60 })
    const newer = await tokenOf(world(), { other: [] }, { employee_id: '1078' })
    await decode(newer, [])
    const { body } = await decode(older, [payload])
    expect(body).toMatchObject({ code: 'workspace_refused', payloads: [payload] })
  })

  test('two namespaces at once', async () => {
    const { payload } = await payloadIn('acme')
    const { body } = await ask('/codec/prod/decode', await reader(world()), { payloads: [payload] })
    expect(body.code).toBe('codec_request_invalid')
    expect((await logged()).refused?.code).toBe('codec_request_invalid')
  })

  test('the payloads of a refused call stand beside the problem, since Temporal`s UI shows what it finds there', async () => {
    const { payload } = await payloadIn('acme')
    const { response, body } = await decode(undefined, [payload], { Origin: PAGE })
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(response.headers.get('access-control-allow-origin')).toBe(PAGE)
    expect(body).toMatchObject({ code: 'token_missing', payloads: [payload] })
  })

  test('what cannot be logged', async () => {
    const { payload } = await payloadIn('acme')
    const token = await reader(world())
    await sql`ALTER TABLE countersign.codec_calls RENAME TO codec_calls_away`.execute(world().db)
    try {
      const { response, text } = await decode(token, [payload])
      expect(response.status).toBe(500)
      expect(text).not.toContain(SHOWN)
    } finally {
      await sql`ALTER TABLE countersign.codec_calls_away RENAME TO codec_calls`.execute(world().db)
    }
  })
})

const keyCount = async (): Promise<number> => {
  const { rows } = await sql<{ n: number }>`SELECT count(*)::int AS n FROM countersign.data_keys`.execute(world().db)
  return rows[0]?.n ?? 0
}

describe('pages', () => {
  const preflight = (origin: string, path = '/codec/decode') =>
    fetch(`${world().url}${path}`, {
      method: 'OPTIONS',
      headers: {
        Origin: origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'authorization,content-type,x-namespace',
      },
    })

  test('a listed one may ask, with the headers that Temporal`s UI sends and without cookies', async () => {
    const response = await preflight(PAGE)
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-origin')).toBe(PAGE)
    expect(response.headers.get('access-control-allow-methods')).toBe('POST')
    expect(response.headers.get('access-control-allow-headers')).toBe('X-Namespace,Content-Type,Authorization')
    expect(response.headers.get('access-control-allow-credentials')).toBeNull()
    expect(response.headers.get('vary')).toContain('Origin')
    const { payload } = await payloadIn('acme')
    const { response: asked, body } = await decode(await reader(world()), [payload], { Origin: PAGE })
    expect(asked.headers.get('access-control-allow-origin')).toBe(PAGE)
    expect(body.payloads?.[0]?.data).toBe(SHOWN)
    expect(await logged()).toMatchObject({ origin: PAGE, passed: 1 })
  })

  test.each(['https://evil.example', 'null', `${PAGE}.evil.example`, 'http://temporal.acme.example'])(
    '%s may not',
    async (origin) => {
      const response = await preflight(origin)
      expect(response.status).toBe(403)
      expect(response.headers.get('access-control-allow-origin')).toBeNull()
    },
  )

  test('none may ask for keys', async () => {
    const response = await preflight(PAGE, '/data-keys')
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
    const { workflowId } = await payloadIn('acme')
    const { body } = await ask('/data-keys', await reader(world()), { workflowId }, { Origin: PAGE })
    expect(body.code).toBe('origin_refused')
  })
})

describe('what is encoded', () => {
  const dataKeys = () => ledgerDataKeys(world().db, masterKeys)

  test('is of the first workflow in which it is decoded, and of no other', async () => {
    const { body } = await ask('/codec/encode', await tokenOf(world(), { acme: [] }), { payloads: [sent(plain())] })
    const [encoded] = body.payloads ?? []
    expect(JSON.stringify(body)).not.toContain(SHOWN)
    expect(await logged()).toMatchObject({ kind: 'encode', payloads: 1, passed: 1, refused: null })
    const payload = back(encoded ?? {})
    const at = (workflowId: string) => decryptPayload(dataKeys(), payload, { namespace: 'default', workflowId })
    const first = `codec-${randomUUID()}`
    expect(Buffer.from((await at(first)).data ?? []).toString()).toBe(JSON.stringify(SECRET))
    await expect(at(`codec-${randomUUID()}`)).rejects.toMatchObject({ type: 'payload_moved' })
    await insertRun(world().db, {
      ...runOf(runKeyOf(first, 'run-1')),
      principal: principalNamed('ana', 'other'),
      statement: startOf(first, principalNamed('ana', 'other')),
    })
    const mine = await decode(await tokenOf(world(), { acme: ['payloads:read'] }), [encoded ?? {}])
    expect(mine.notDecoded).toBe('workspace_refused=1')
    const theirs = await decode(await tokenOf(world(), { other: ['payloads:read'] }, { employee_id: '1003' }), [
      encoded ?? {},
    ])
    expect(theirs.body.payloads?.[0]?.data).toBe(SHOWN)
  })

  test('is shown to who had it encoded, and to nobody else, until then', async () => {
    const { body } = await ask('/codec/encode', await tokenOf(world(), { acme: [] }), { payloads: [sent(plain())] })
    const [encoded] = body.payloads ?? []
    const mine = await decode(await tokenOf(world(), { acme: [] }), [encoded ?? {}])
    expect(mine.body.payloads?.[0]?.data).toBe(SHOWN)
    const theirs = await decode(await reader(world(), { employee_id: '1003' }), [encoded ?? {}])
    expect(theirs.notDecoded).toBe('workspace_refused=1')
  })
})

interface Handed extends Answer {
  readonly key?: string
  readonly keyId?: string
}
const handed = async (token: string, body: object, namespace = 'default') => {
  const { response, body: found } = await ask('/data-keys', token, body, { 'X-Namespace': namespace })
  return { status: response.status, ...(found as Handed) }
}

describe('data keys for clients without a database', () => {
  const someone = (employee_id: string, spaces: Readonly<Record<string, readonly string[]>>) =>
    tokenOf(world(), spaces, { employee_id })

  test('of a workflow id that nobody has used, and the same one again; the worker has it too', async () => {
    const workflowId = `codec-${randomUUID()}`
    const token = await someone('1001', { acme: [] })
    const first = await handed(token, { workflowId })
    expect(first).toMatchObject({ status: 200, workflowId, namespace: 'default' })
    expect(await logged()).toMatchObject({ kind: 'data_key', keys: [{ key: first.keyId, code: null }] })
    expect(await handed(token, { workflowId })).toEqual(first)
    expect(await handed(token, { keyId: first.keyId })).toEqual(first)
    const workers = await ledgerDataKeys(world().db, masterKeys).keyFor('default', workflowId)
    expect(workers.keyId).toBe(first.keyId)
    expect(workers.key.export().toString('base64')).toBe(first.key)
  })

  test('not of one that somebody else asked for first, in the same workspace or another', async () => {
    const workflowId = `codec-${randomUUID()}`
    await handed(await someone('1001', { acme: [] }), { workflowId })
    expect(await handed(await someone('1003', { acme: [] }), { workflowId })).toMatchObject({
      status: 403,
      code: 'scope_missing',
    })
    expect(await handed(await someone('1004', { other: ['payloads:read'] }), { workflowId })).toMatchObject({
      status: 403,
      code: 'workspace_refused',
    })
    expect((await handed(await someone('1005', { acme: ['payloads:read'] }), { workflowId })).status).toBe(200)
  })

  test('a run is not opened whose key somebody else got before it', async () => {
    const issuer = { issuer: world().provider.issuer, development: false }
    const open = async (workflowId: string, subject: string, workspace: string) => {
      const principal = principalNamed(subject, workspace, issuer)
      const run = { ...runOf(runKeyOf(workflowId, 'run-1')), principal, statement: startOf(workflowId, principal) }
      return await codeOfFailed(insertRun(world().db, run))
    }
    const workflowId = `codec-${randomUUID()}`
    await handed(await someone('1021', { other: [], acme: [] }), { workflowId, workspace: 'other' })
    expect(await open(workflowId, '1001', 'acme')).toBe('workflow_id_held')
    expect(await open(workflowId, '1001', 'other')).toBe('workflow_id_held')
    expect(await open(workflowId, '1021', 'acme')).toBe('workflow_id_held')
    const { rows } = await sql`SELECT FROM countersign.runs WHERE workflow_id = ${workflowId}`.execute(world().db)
    expect(rows).toEqual([])
    expect(await open(workflowId, '1021', 'other')).toBe('went through')
  })

  test('of ten who ask for one at once exactly one gets it', async () => {
    const workflowId = `codec-${randomUUID()}`
    const tokens = await Promise.all(Array.from({ length: 10 }, (_, at) => someone(`20${at}`, { acme: [] })))
    const all = await Promise.all(tokens.map((token) => handed(token, { workflowId })))
    expect(all.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(all.filter(({ code }) => code === 'scope_missing')).toHaveLength(9)
    expect(all.filter(({ key }) => key !== undefined)).toHaveLength(1)
  })

  test('not of one that a worker has made, as long as no run tells whose it is', async () => {
    const workflowId = `codec-${randomUUID()}`
    await ledgerDataKeys(world().db, masterKeys).keyFor('default', workflowId)
    expect(await handed(await reader(world()), { workflowId })).toMatchObject({
      status: 403,
      code: 'workspace_refused',
    })
  })

  test('of a run: to who may read there, and to who started it while he is of the workspace', async () => {
    const principal = principalNamed('1006', 'acme', { issuer: world().provider.issuer, development: false })
    const { workflowId } = await payloadIn('other')
    const own = `codec-${randomUUID()}`
    const key = await ledgerDataKeys(world().db, masterKeys).keyFor('default', own)
    const statement = startOf(own, ANA)
    await insertRun(world().db, { ...runOf(runKeyOf(own, 'run-1')), principal, statement })
    expect(await handed(await someone('1006', { acme: [] }), { workflowId: own })).toMatchObject({ keyId: key.keyId })
    expect(await handed(await someone('1005', { acme: ['payloads:read'] }), { workflowId: own })).toMatchObject({
      keyId: key.keyId,
    })
    const refused = [
      [await someone('1007', { acme: [] }), 'scope_missing'],
      [await someone('1006', { other: [] }), 'workspace_refused'],
      [await someone('1008', { other: ['payloads:read'] }), 'workspace_refused'],
    ] as const
    for (const [token, code] of refused) {
      const answered = await handed(token, { workflowId: own })
      expect(answered).toMatchObject({ status: 403, code })
      expect(answered.key).toBeUndefined()
    }
    expect((await handed(await someone('1009', { other: ['payloads:read'] }), { workflowId })).status).toBe(200)
  })

  test('a run of before there was a key is of who started it, too', async () => {
    const workflowId = `codec-${randomUUID()}`
    const principal = principalNamed('ana', 'acme')
    await insertRun(world().db, {
      ...runOf(runKeyOf(workflowId, 'run-1')),
      principal,
      statement: startOf(workflowId, principal),
    })
    const before = await keyCount()
    expect(await handed(await someone('1003', { acme: [] }), { workflowId })).toMatchObject({ code: 'scope_missing' })
    expect(await keyCount()).toBe(before)
  })

  test('not in another namespace, not a destroyed one, not an unknown one', async () => {
    const { workflowId, keyId } = await payloadIn('acme')
    const token = await reader(world())
    expect(await handed(token, { keyId }, 'prod')).toMatchObject({ code: 'payload_moved' })
    expect(await handed(token, { keyId: randomUUID() })).toMatchObject({ status: 404, code: 'payload_key_unknown' })
    await destroyDataKeys(world().db, { workflowId }, 'asked for')
    expect(await handed(token, { keyId })).toMatchObject({ status: 410, code: 'payload_erased' })
  })

  test('in a workspace that has to be named where there are several', async () => {
    const token = await someone('1010', { acme: [], other: [] })
    const workflowId = `codec-${randomUUID()}`
    expect(await handed(token, { workflowId })).toMatchObject({ code: 'workspace_refused' })
    expect(await handed(token, { workflowId, workspace: 'third' })).toMatchObject({ code: 'workspace_refused' })
    expect(await handed(token, { workflowId, workspace: 'acme' })).toMatchObject({ status: 200 })
  })
})

test('nothing was our own error', () => {
  expect(world().errors.filter((error) => !String(error).includes('codec_calls'))).toEqual([])
})
