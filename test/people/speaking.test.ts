import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { developmentIssuer } from '../../src/identity/statements.ts'
import { countersign, useFolder } from '../cli/cli.ts'

/* Who signs what is said on a command line, and what is told to whoever cannot have it signed. */
const folder = useFolder()
const STATEMENT = ['delegate', '--to', 'dora@acme.example', '--group', 'approvers', '--until', '2027-01-01T00:00:00Z']
/** Nothing listens there. */
const NOWHERE = 'http://127.0.0.1:9'
const DATABASE_URL = 'postgres://nobody@127.0.0.1:9/nothing'

const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd = folder()) =>
  countersign([...STATEMENT, ...args], { cwd, env: { DATABASE_URL, ...env } })

/** A gateway that answers whatever it is told to. */
interface Answered {
  readonly status: number
  readonly body: string
}
let answer: Answered = { status: 500, body: '' }
/** What it answers before that. */
let first: Answered[] = []
const asked: { readonly authorization: string | undefined; readonly body: unknown }[] = []
const server = createServer((request, response) => {
  let text = ''
  request.on('data', (part: Buffer) => (text += part.toString()))
  request.on('end', () => {
    asked.push({ authorization: request.headers.authorization, body: JSON.parse(text) as unknown })
    const { status, body } = first.shift() ?? answer
    response.writeHead(status, { 'Content-Type': 'application/json' })
    response.end(body)
  })
})
let gateway = ''
beforeAll(async () => {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => new Promise((closed) => server.close(closed)))

test('without a gateway, and where no development servers ever ran, nobody can sign', async () => {
  const { code, stdout, stderr } = await run(['--by', 'ben'])
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toContain('no gateway is named, and no development servers ever ran in')
  expect(stderr).toContain('countersign login')
  expect(stderr).toContain('code  not_logged_in')
})

test('for development, nobody is nobody: it asks who', async () => {
  const cwd = join(folder(), 'development')
  await mkdir(cwd)
  developmentIssuer(join(cwd, '.countersign'))
  const { code, stderr } = await run([], {}, cwd)
  expect([code, stderr]).toMatchObject([2, expect.stringContaining('say who you are') as string])
})

test('with a gateway, and nobody logged in, it says how to log in, and asks nobody', async () => {
  const before = asked.length
  const { code, stderr } = await run([], { COUNTERSIGN_GATEWAY_URL: gateway })
  expect([code, stderr]).toMatchObject([1, expect.stringContaining('Nobody is logged in here') as string])
  expect(asked).toHaveLength(before)
})

test('with a gateway the token says who it is: a name beside it is refused', async () => {
  const before = asked.length
  const { code, stderr } = await run(['--by', 'boss'], { COUNTERSIGN_GATEWAY_URL: gateway, COUNTERSIGN_TOKEN: 'a.b.c' })
  expect(code).toBe(2)
  expect(stderr).toBe('error: with a gateway the login says who you are\n  help  Leave `--by` out.\n  code  usage\n')
  expect(asked).toHaveLength(before)
})

test('an address that is none is a usage error', async () => {
  for (const url of ['gateway', 'ftp://gateway.example', 'javascript:alert(1)']) {
    const { code, stderr } = await run(['--gateway', url])
    expect([code, stderr]).toMatchObject([2, expect.stringContaining('is no address of a gateway') as string])
  }
})

test('a gateway that does not answer is told, without the token', async () => {
  const token = 'header.payload.signature-of-a-token'
  const { code, stderr } = await run([], { COUNTERSIGN_GATEWAY_URL: NOWHERE, COUNTERSIGN_TOKEN: token })
  expect(code).toBe(1)
  expect(stderr).toContain(`the gateway at ${NOWHERE} did not answer`)
  expect(stderr).toContain('code  gateway_unavailable')
  expect(stderr).not.toContain(token)
})

const TOKEN = 'header.payload.signature'
test.each([
  [
    'refuses',
    403,
    { code: 'identity_unmapped', detail: 'it has no text in a claim' },
    'identity_unmapped',
    'it has no text in a claim',
  ],
  ['refuses with a code that nobody knows', 403, { code: 'not_a_code', detail: 'so' }, 'gateway_unavailable', 'so'],
  ['says nothing of why', 502, {}, 'gateway_unavailable', 'it answered 502'],
  ['answers no statement', 201, { statement: { v: 1 } }, 'gateway_unavailable', 'answered no statement'],
  ['answers null', 201, null, 'gateway_unavailable', ''],
  ['answers a redirect', 302, {}, 'gateway_unavailable', ''],
] as const)('a gateway that %s is told with its code', async (_what, status, body, code, text) => {
  answer = { status, body: JSON.stringify(body) }
  const ran = await run([], { COUNTERSIGN_GATEWAY_URL: gateway, COUNTERSIGN_TOKEN: TOKEN })
  expect(ran.code).not.toBe(0)
  expect(ran.stderr).toContain(`code  ${code}`)
  expect(ran.stderr).toContain(text)
  expect(ran.stderr).not.toContain(TOKEN)
})

test.each([
  ['away for a moment is asked again, and its refusal is told', 503, 3],
  ['away for longer is told', 503, 4],
  ['says no is not asked again', 403, 1],
] as const)('a gateway that %s', async (_what, status, times) => {
  const refusal = { status: 403, body: JSON.stringify({ code: 'token_expired', detail: 'it is over' }) }
  const away = { status: 503, body: JSON.stringify({ code: 'database_unavailable', detail: 'not now' }) }
  first = status === 503 ? Array.from({ length: times === 4 ? 4 : 2 }, () => away) : []
  answer = refusal
  const before = asked.length
  const ran = await run([], { COUNTERSIGN_GATEWAY_URL: gateway, COUNTERSIGN_TOKEN: TOKEN })
  expect(asked.length - before).toBe(times)
  expect(ran.stderr).toContain(`code  ${times === 4 ? 'database_unavailable' : 'token_expired'}`)
})

test('what is no JSON is told, and the token went into the header alone', async () => {
  answer = { status: 201, body: '<html>' }
  const ran = await run(['--workspace', 'acme'], { COUNTERSIGN_GATEWAY_URL: gateway, COUNTERSIGN_TOKEN: TOKEN })
  expect(ran.stderr).toContain('code  gateway_unavailable')
  expect(asked.at(-1)).toEqual({
    authorization: `Bearer ${TOKEN}`,
    body: {
      about: { kind: 'delegate', to: 'dora@acme.example', group: 'approvers', until: '2027-01-01T00:00:00.000Z' },
      workspace: 'acme',
    },
  })
})

test('a login that others can read is not used', async () => {
  const cwd = join(folder(), 'readable')
  await mkdir(join(cwd, '.countersign'), { recursive: true })
  await writeFile(join(cwd, '.countersign', 'login.json'), '{}', { mode: 0o644 })
  const { code, stderr } = await run([], { COUNTERSIGN_GATEWAY_URL: gateway }, cwd)
  expect([code, stderr]).toMatchObject([1, expect.stringContaining('can be read by others') as string])
})
