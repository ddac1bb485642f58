import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Statement } from '../../src/contract/statement.ts'
import { verifyUse } from '../../src/identity/statements.ts'
import { type LedgerDatabase, openDatabase } from '../../src/ledger/database.ts'
import { findIssuerKey } from '../../src/ledger/issuer-keys.ts'
import { type Background, countersign, inBackground, useFolder } from '../cli/cli.ts'
import { ABOUTS, useOf } from '../identity/saying.ts'
import { sampleDatabase } from '../support/world.ts'
import { Browser } from './browser.ts'
import { mappingText } from './gateway-world.ts'
import { startProvider, type TestProvider } from './provider.ts'

const folder = useFolder()
let provider: TestProvider
let db: LedgerDatabase
let databaseUrl = ''
let drop: () => Promise<void>

beforeAll(async () => {
  provider = await startProvider()
  const fresh = await sampleDatabase()
  databaseUrl = fresh.url
  drop = fresh.drop
  db = openDatabase(databaseUrl, () => {})
  await writeFile(join(folder(), 'identity.yaml'), mappingText(provider.issuer))
})
afterAll(async () => {
  await db.destroy()
  await drop()
  await provider.close()
})

const options = (env: Readonly<Record<string, string>> = {}) => ({
  cwd: folder(),
  env: { DATABASE_URL: databaseUrl, ...env },
})
const run = (...args: readonly string[]) => countersign(args, options())
const loginFile = () => join(folder(), '.countersign', 'login.json')
const login = async () =>
  JSON.parse(await readFile(loginFile(), 'utf8')) as {
    accessToken: string
    refreshToken: string | null
    expiresAt: string
  }

/** Logs in by the command, and says yes as this person in a browser. */
async function logIn(name: string) {
  const command = inBackground(['login'], options())
  await command.says('Waiting for you to say yes there.')
  const [, url = ''] = /Open (\S+)/.exec(command.stderr()) ?? []
  const [, code = ''] = /the code (\S+)\./.exec(command.stderr()) ?? []
  expect(new URL(url).searchParams.get('user_code')).toBe(code)
  await new Browser(name).sayYes(url)
  return await command.ended
}

async function withGateway(
  env: Readonly<Record<string, string>>,
  work: (url: string, gateway: Background) => Promise<void>,
) {
  const gateway = inBackground(['gateway', '--address', '127.0.0.1:0'], options(env))
  try {
    await gateway.says('ready  gateway at ')
    const [, url = ''] = /gateway at (http:\S+),/.exec(gateway.stderr()) ?? []
    await work(url, gateway)
  } finally {
    gateway.signal('SIGTERM')
    expect((await gateway.ended).code).toBe(0)
  }
}

const ask = (url: string, token: string) =>
  fetch(`${url}/v1/statements`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: JSON.stringify({ about: ABOUTS.decide }),
  })

const BREAK_GLASS =
  'Nobody has heard of the workspace `acme` yet: check the name.\n' +
  'Where nobody can log in, or no gateway answers, add `--break-glass --by <you>`: the record says that it is not proved.\n'

test('who is not logged in is told how, with exit code 1 whatever he wants, and logging out is no error', async () => {
  const gateway = ['--gateway', 'http://127.0.0.1:9']
  const about = JSON.stringify(ABOUTS.stop)
  for (const args of [
    ['whoami'],
    ['whoami', '--json'],
    ['statement', about, ...gateway],
    ['stop', 'workspace', 'acme', '--reason', 'why', ...gateway],
    ['resume', 'workspace', 'acme', '--reason', 'why', ...gateway],
    ['delegate', '--to', 'ben', '--group', 'g', '--until', '2027-01-01T00:00:00Z', ...gateway],
  ]) {
    expect(await run(...args), args.join(' ')).toEqual({
      code: 1,
      stdout: '',
      stderr: `${args[0] === 'stop' ? BREAK_GLASS : ''}error: Nobody is logged in here.\n  help  Run \`countersign login\`.\n  code  not_logged_in\n`,
    })
  }
  expect(await run('logout')).toMatchObject({ code: 0, stderr: 'Nobody was logged in.\n' })
})

test('the device flow logs a person in; the gateway signs what he says, until he logs out', async () => {
  const rotated = await run('keys', 'rotate', '--out', 'gateway-1.pem')
  expect([rotated.code, rotated.stderr]).toEqual([
    0,
    'Start the gateway with COUNTERSIGN_ISSUER_KEY_FILE on that file.\n',
  ])
  const [, keyId = ''] = /^key {2}(\w+)$/m.exec(rotated.stdout) ?? []
  expect((await stat(join(folder(), 'gateway-1.pem'))).mode & 0o777).toBe(0o600)

  const { code, stdout, stderr } = await logIn('ben')
  expect([code, stdout]).toEqual([0, ''])
  expect(stderr).toContain(`Logged in as ben@acme.example (user) of ${provider.issuer}.\n`)
  expect((await stat(loginFile())).mode & 0o777).toBe(0o600)
  const { accessToken, refreshToken } = await login()
  expect(refreshToken).not.toBeNull()
  expect(stderr).not.toContain(accessToken)

  const who = await run('whoami')
  expect(who.code).toBe(0)
  expect(who.stdout).toContain('subject      ben@acme.example (user)\n')
  expect(who.stdout).toContain('  groups     refund-approvers\n  scopes     refunds:write\n')
  expect(who.stdout).not.toContain(accessToken)
  expect(JSON.parse((await run('whoami', '--json')).stdout)).toMatchObject({
    subject: 'ben@acme.example',
    kind: 'user',
    identities: [{ workspace: 'acme', groups: ['refund-approvers'], development: false }],
  })

  await withGateway({ COUNTERSIGN_ISSUER_KEY_FILE: 'gateway-1.pem' }, async (url, gateway) => {
    const response = await ask(url, accessToken)
    const { statement } = (await response.json()) as { statement: Statement }
    const keyOf = (id: string) => findIssuerKey(db, id)
    expect(statement.keyId).toBe(keyId)
    expect(await verifyUse(statement, useOf(ABOUTS.decide), { keyOf })).toEqual(statement)

    const revoked = await run('keys', 'revoke', keyId)
    expect(revoked.code).toBe(0)
    const refused = await ask(url, accessToken)
    expect([refused.status, await refused.json()]).toMatchObject([503, { code: 'statement_key_revoked' }])
    expect(gateway.stderr()).not.toContain(accessToken)
  })

  expect(await run('logout')).toMatchObject({ code: 0, stderr: 'Logged out, here and at the provider.\n' })
  await expect(stat(loginFile())).rejects.toThrow('ENOENT')
})

test('an access token that is about to expire is refreshed once, by whichever command comes first', async () => {
  provider.tokenSeconds(20)
  expect((await logIn('ben')).code).toBe(0)
  const before = await login()
  provider.tokenSeconds(600)
  const [one, other] = await Promise.all([run('whoami', '--json'), run('whoami', '--json')])
  expect([one?.code, other?.code, one?.stderr]).toEqual([0, 0, ''])
  const after = await login()
  expect(after.accessToken).not.toBe(before.accessToken)
  expect(JSON.parse(one?.stdout ?? '')).toEqual(JSON.parse(other?.stdout ?? ''))
  expect((await stat(loginFile())).mode & 0o777).toBe(0o600)

  // The provider forgets the login; the file alone is worth nothing once its token has expired.
  await countersign(['logout'], options())
  await mkdir(join(folder(), '.countersign'), { recursive: true })
  await writeFile(loginFile(), JSON.stringify({ ...after, expiresAt: new Date().toISOString() }), { mode: 0o600 })
  const { code, stderr } = await run('whoami')
  expect(code).toBe(1)
  expect(stderr).toContain('error: The identity provider refused: invalid_grant')
  expect(stderr).toContain('code  login_failed')
  expect(stderr).not.toContain(after.refreshToken ?? 'none')
})

test('who logs in as nobody that the mapping finds is refused, and is not logged in', async () => {
  await run('logout')
  const { code, stderr } = await logIn('eve')
  expect(code).toBe(1)
  expect(stderr).toContain('error: the token cannot be mapped: it has no text in the claim `employee_id`')
  expect(stderr).toContain('code  identity_unmapped')
  await expect(stat(loginFile())).rejects.toThrow('ENOENT')
})

test('a login that others can read is not used', async () => {
  await mkdir(join(folder(), '.countersign'), { recursive: true })
  await writeFile(loginFile(), '{}', { mode: 0o644 })
  const { code, stderr } = await run('whoami')
  expect([code, stderr]).toMatchObject([1, expect.stringContaining('can be read by others.') as string])
  expect((await run('logout')).stderr).toBe('Logged out here; the provider was not told.\n')
})

test('keys are listed, rotated with an overlap, revoked and compromised', async () => {
  const first = await run('keys', 'rotate', '--out', 'k1.pem', '--name', 'eu', '--json')
  const second = await run('keys', 'rotate', '--out', 'k2.pem', '--name', 'eu', '--overlap-minutes', '5', '--json')
  const idOf = ({ stdout }: { stdout: string }) => (JSON.parse(stdout) as { key: { keyId: string } }).key.keyId
  expect(JSON.parse(second.stdout)).toMatchObject({ ending: [{ keyId: idOf(first), revokedAt: null }] })
  const listed = (await run('keys', 'list')).stdout.split('\n')
  expect(listed[0]).toMatch(/^KEY +ISSUER +FROM +UNTIL +STANDING$/)
  expect(listed.find((line) => line.startsWith(idOf(first)))).toMatch(/ eu .* ending$/)
  expect(listed.find((line) => line.startsWith(idOf(second)))).toMatch(/ eu .* in force$/)

  const compromised = await run('keys', 'revoke', idOf(first), '--compromised')
  expect([compromised.code, compromised.stderr]).toEqual([
    0,
    'Nothing that it ever signed counts any more, on any host.\n',
  ])
  expect(compromised.stdout).toContain('compromised')
  const taken = await run('keys', 'rotate', '--out', 'k2.pem')
  expect([taken.code, taken.stderr]).toMatchObject([
    1,
    expect.stringContaining('cannot be written to `k2.pem`: EEXIST') as string,
  ])
  const unknown = await run('keys', 'revoke', '0'.repeat(32))
  expect([unknown.code, unknown.stderr]).toMatchObject([3, expect.stringContaining('code  key_unknown') as string])

  const start = (file: string) =>
    countersign(['gateway', '--address', '127.0.0.1:0'], options({ COUNTERSIGN_ISSUER_KEY_FILE: file }))
  expect((await start('k1.pem')).stderr).toContain(`The key ${idOf(first)} is revoked.`)
  expect((await start('none.pem')).stderr).toContain('cannot be used: ENOENT')
  expect((await countersign(['gateway'], options())).stderr).toContain('COUNTERSIGN_ISSUER_KEY_FILE is not set')
})

test('without an `identity.yaml` here nobody is logged in, and that there is none is what `login` says', async () => {
  const cwd = join(folder(), 'elsewhere')
  await mkdir(cwd)
  expect(await countersign(['whoami'], { cwd })).toEqual({
    code: 1,
    stdout: '',
    stderr: 'error: Nobody is logged in here.\n  help  Run `countersign login`.\n  code  not_logged_in\n',
  })
  expect(await countersign(['login'], { cwd })).toEqual({
    code: 1,
    stdout: '',
    stderr:
      'error: there is no `identity.yaml` here\n  help  Name the file by --identity; its form is in docs/identity.md.\n' +
      '  code  identity_invalid\n',
  })
})

test('a provider that does not answer is told as that, and one without a discovery document as that', async () => {
  const logInAt = async (issuer: string) => {
    await writeFile(join(folder(), 'other.yaml'), mappingText(issuer))
    return await run('login', '--identity', 'other.yaml')
  }
  const away = await logInAt('http://127.0.0.1:9')
  expect(away).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('error: the identity provider `http://127.0.0.1:9` did not answer\n'),
  })
  const bare = await logInAt(`${provider.issuer}/none`)
  expect(bare.stderr).toContain(`error: the identity provider \`${provider.issuer}/none\` has no discovery document\n`)
})

test('a mapping that is wrong keeps the gateway from starting, and says where', async () => {
  await writeFile(join(folder(), 'wrong.yaml'), mappingText(provider.issuer).replace('RS256', 'HS256'))
  const { code, stderr } = await run('gateway', '--identity', 'wrong.yaml')
  expect(code).toBe(1)
  expect(stderr).toContain('error: wrong.yaml:4:18 `issuers[0].algorithms[0]` must be one of `RS256`')
  expect(stderr).toContain('code  identity_invalid')
})

test.each([
  ['no group', ['keys'], 'Usage: countersign keys'],
  ['no file for the key', ['keys', 'rotate'], "required option '--out <file>' not specified"],
  [
    'an address without a port',
    ['gateway', '--address', 'here'],
    'It must be a host and a port, such as 0.0.0.0:9465.',
  ],
  [
    'an issuer that is not listed',
    ['login', '--issuer', 'https://evil.example'],
    'there is no such issuer to log in at',
  ],
])('%s is a usage error', async (_what, args, said) => {
  const { code, stdout, stderr } = await run(...args)
  expect(stderr).toContain(said)
  expect([code, stdout]).toEqual([2, ''])
})
