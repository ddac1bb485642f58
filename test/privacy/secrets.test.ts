import { createServer } from 'node:http'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { codeOf } from '../../src/contract/failures.ts'
import {
  environmentSecrets,
  fileSecrets,
  type SecretSource,
  Secrets,
  secretSourcesOf,
  vaultSecrets,
  withoutSecrets,
} from '../../src/privacy/secrets.ts'
import { activitiesIn, eventsOf } from '../support/history.ts'
import { approvalOf, pendingOf } from '../support/refunds.ts'
import { useClub } from './club.ts'
import { foundIn, historyBytes, ledgerBytes } from './searched.ts'

const VALUE = 'k3y+of/the club=="x"'
let isAway = false
const source: SecretSource = {
  name: 'a test',
  find: async (name) => {
    if (isAway) throw new Error('it is away')
    return name === 'CLUB_KEY' ? VALUE : undefined
  },
}
const { start, seen, wrote, world } = useClub({ secrets: [source] })
beforeEach(() => {
  seen.length = 0
  wrote.length = 0
})

/** Where the secret stands, in the history of a run or in the ledger. */
async function expectNowhere(workflowId: string) {
  const planted = { value: VALUE, encoded: encodeURIComponent(VALUE), json: JSON.stringify(VALUE).slice(1, -1) }
  expect(foundIn(await historyBytes(world(), workflowId), planted)).toEqual([])
  for (const [table, bytes] of await ledgerBytes(world().db))
    expect([table, foundIn(bytes, planted)]).toEqual([table, []])
}

test('a tool is handed the secret that its input names, and history, ledger and receipts have the name alone', async () => {
  const run = await start({})
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { note: 'used used' } })
  expect(seen).toEqual([VALUE, VALUE])
  await expectNowhere(run.workflowId)
  expect(foundIn(await historyBytes(world(), run.workflowId), { name: 'secret:CLUB_KEY' })).toEqual(['name'])
})

test('a secret that a tool returns is masked before anything is signed or kept', async () => {
  const run = await start({ reading: 'returns_it', writing: 'returns_it' })
  expect(await run.outcome()).toMatchObject({
    outcome: { note: 'used [secret CLUB_KEY] used [secret CLUB_KEY]' },
  })
  await expectNowhere(run.workflowId)
})

test.each([
  ['throws', 'throws_it', 'tool_threw'],
  ['fails with', 'fails_with_it', 'tool_failed'],
])('a secret that a tool %s is masked in message and details', async (_, reading, code) => {
  const run = await start({ reading })
  const result = await run.outcome()
  expect(result).toMatchObject({ because: { code } })
  expect(result.because?.message).toContain('[secret CLUB_KEY]')
  expect(seen.length).toBeGreaterThan(0)
  expect(wrote).toEqual([])
  await expectNowhere(run.workflowId)
})

test('a secret that a preview repeats is masked where people are asked, and in an undo', async () => {
  const run = await start({ text: 'ask first', writing: 'returns_it' })
  const pending = await pendingOf(run)
  expect(JSON.stringify(pending)).toContain('(used [secret CLUB_KEY])')
  await run.decide(approvalOf(pending))
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  await expectNowhere(run.workflowId)
})

test.each(['hunter2-as-it-is', 'sk_live_4eC39HqLyjWDarjtT1zdp7dc'])(
  'a secret itself (%s) is refused before anything is scheduled',
  async (token) => {
    const run = await start({ token })
    const result = await run.outcome()
    expect(result).toMatchObject({ state: 'failed', because: { code: 'input_invalid' } })
    expect(result.because?.message).not.toContain(token)
    expect([seen, wrote]).toEqual([[], []])
    expect(activitiesIn(await eventsOf(world().temporal, run))).toEqual([])
    expect(result.effects).toEqual([])
  },
)

test('a secret that nobody has ends the run before the tool is called', async () => {
  const run = await start({ token: 'secret:NO_SUCH' })
  expect(await run.outcome()).toMatchObject({ state: 'failed', because: { code: 'secret_unknown' } })
  expect([seen, wrote]).toEqual([[], []])
})

test('where it cannot be looked up now, the step is tried again, and nothing was done', async () => {
  isAway = true
  const run = await start({ token: 'secret:OTHER_KEY' })
  expect(await run.outcome()).toMatchObject({ because: { code: 'tool_unavailable' } })
  isAway = false
  expect([seen, wrote]).toEqual([[], []])
})

const signal = new AbortController().signal
const resolve = (from: SecretSource, reference: string) => new Secrets([from]).resolve(reference, signal)

test('the environment has secrets under their own names, and nothing else', async () => {
  const env = environmentSecrets({ COUNTERSIGN_SECRET_CRM_TOKEN: 'from-the-env', HOME: '/home/ana' })
  expect(await resolve(env, 'secret:CRM_TOKEN')).toBe('from-the-env')
  expect(await resolve(env, 'secret:HOME').catch(codeOf)).toBe('secret_unknown')
  expect(await resolve(env, 'CRM_TOKEN').catch(codeOf)).toBe('input_invalid')
})

test('a file has secrets; what is wrong with it is told without its text', async () => {
  const file = join(await mkdtemp(join(tmpdir(), 'secrets-')), 'secrets.json')
  await writeFile(file, JSON.stringify({ CRM_TOKEN: 'from-the-file', SHORT: 'abc' }))
  expect(await resolve(fileSecrets(file), 'secret:CRM_TOKEN')).toBe('from-the-file')
  expect(await resolve(fileSecrets(file), 'secret:SHORT').catch(codeOf)).toBe('secret_unknown')
  await writeFile(file, '{"CRM_TOKEN": "half-of-it')
  const failed: unknown = await resolve(fileSecrets(file), 'secret:CRM_TOKEN').catch((error: unknown) => error)
  expect(codeOf(failed)).toBe('tool_unavailable')
  expect(String(failed)).not.toContain('half-of-it')
})

let vault: ReturnType<typeof createServer>
const asked: string[] = []
let status = 200
beforeAll(async () => {
  vault = createServer((request, response) => {
    asked.push(`${String(request.headers['x-vault-token'])} ${request.url}`)
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(status === 200 ? JSON.stringify({ data: { data: { value: 'from-the-vault' }, metadata: {} } }) : '{}')
  })
  await once(vault.listen(0, '127.0.0.1'), 'listening')
})
afterAll(() => {
  vault.close()
})

test('Vault has secrets, each at a path of its own; what it refuses is not taken for a secret that is not there', async () => {
  const address = `http://127.0.0.1:${(vault.address() as AddressInfo).port}`
  const kv = vaultSecrets({ address, token: 'vault-token', path: 'teams/support' })
  expect(await resolve(kv, 'secret:CRM_TOKEN')).toBe('from-the-vault')
  expect(asked).toEqual(['vault-token /v1/secret/data/teams/support/CRM_TOKEN'])
  status = 404
  expect(await resolve(kv, 'secret:CRM_TOKEN').catch(codeOf)).toBe('secret_unknown')
  status = 403
  const refused: unknown = await resolve(kv, 'secret:CRM_TOKEN').catch((error: unknown) => error)
  expect(codeOf(refused)).toBe('tool_unavailable')
  expect(String(refused)).not.toContain('vault-token')
})

test('the environment says where secrets are, and the first source that has one counts', async () => {
  const names = secretSourcesOf({
    COUNTERSIGN_SECRETS_FILE: 'secrets.json',
    COUNTERSIGN_SECRETS_VAULT_ADDR: 'https://vault.example',
    VAULT_TOKEN: 'x',
  }).map(({ name }) => name)
  expect(names).toEqual(['the environment', 'the file of secrets', 'Vault'])
  const both = new Secrets([environmentSecrets({}), environmentSecrets({ COUNTERSIGN_SECRET_A1: 'second-one' })])
  expect(await both.resolve('secret:A1', signal)).toBe('second-one')
})

test('what was resolved is masked in every form that it is sent in', async () => {
  const value = 'pass word/1+2"3'
  await resolve(environmentSecrets({ COUNTERSIGN_SECRET_FORMS: value }), 'secret:FORMS')
  const basic = Buffer.from(`user:${value}`).toString('base64')
  const forms = [value, JSON.stringify(value), encodeURIComponent(value), Buffer.from(value).toString('base64'), basic]
  for (const form of forms) {
    const said = withoutSecrets(`it said ${form}!`)
    expect(said).toContain('[secret FORMS]')
    expect(said).not.toContain(value)
  }
})
