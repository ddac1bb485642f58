import { randomUUID } from 'node:crypto'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { countersign, useFolder } from '../cli/cli.ts'
import { useWorkerChild } from '../cli/worker-child.ts'
import { newOrder } from '../support/orders.ts'
import { query, until } from '../support/world.ts'
import { startVault } from './vault-server.ts'

const folder = useFolder()
const file = () => join(folder(), 'master-keys.json')
const child = useWorkerChild(folder, {
  env: () => {
    const made = { current: 'm-first', keys: { 'm-first': Buffer.alloc(32, 1).toString('base64') } }
    writeFileSync(file(), JSON.stringify(made), { mode: 0o600 })
    return { COUNTERSIGN_MASTER_KEYS: file(), COUNTERSIGN_PAYLOADS: 'encrypted' }
  },
})
/** As somebody who has no keys. */
const without = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  countersign(args, { env: { ...child().env, COUNTERSIGN_MASTER_KEYS: '', ...env }, cwd: folder() })

async function started(): Promise<string> {
  const order = await newOrder(child().databaseUrl, { amountCents: 12_000 })
  const id = `refund-${randomUUID()}`
  const request = JSON.stringify({
    orderId: order.orderId,
    ticketId: order.ticketId,
    message: 'Broken, please refund $120.00.',
  })
  const args = [
    'start',
    'refund_request',
    '--id',
    id,
    '--request',
    request,
    '--by',
    'ana@acme.example',
    '--task-queue',
    child().taskQueue,
  ]
  const { code, stderr } = await child().run(args)
  expect([code, stderr.includes('error')]).toEqual([0, false])
  return id
}

test('a worker with master keys says which, and commands that have them start, show and approve', async () => {
  expect(child().worker.stderr()).toContain('payloads encrypted, master key m-first')
  const id = await started()
  await until('the question', async () =>
    (await child().run(['show', id])).stdout.includes('approve') ? true : undefined,
  )
  const decided = await child().run(['approve', id, '--by', 'ben@acme.example', '--yes'])
  expect([decided.code, decided.stderr]).toEqual([0, expect.anything()])
  const shown = await until('its end', async () => {
    const { stdout } = await child().run(['show', id, '--json'])
    return stdout.includes('"state": "completed"') ? stdout : undefined
  })
  expect(shown).toContain('$120.00')
  expect((await child().run(['reconcile', id])).stdout).toContain('history and ledger agree')
  const { code: blind, stderr } = await without(['reconcile', id])
  expect([blind, stderr]).toEqual([1, expect.stringContaining('keys_unavailable')])
})

test('a new master key is added, made current later, and wraps every data key, while the worker goes on', async () => {
  const before = await started()
  const later = await child().run(['keys', 'new-master', '--out', file(), '--later', '--json'])
  const { current, keys } = JSON.parse(later.stdout) as { current: string; keys: readonly string[] }
  expect([current, keys.length]).toEqual(['m-first', 2])
  const [, next = ''] = keys
  const used = await child().run(['keys', 'new-master', '--out', file(), '--use', next])
  expect([used.code, used.stdout]).toEqual([0, expect.stringContaining(`${next}  current`)])
  expect(used.stdout + used.stderr).not.toContain(Buffer.alloc(32, 1).toString('base64'))
  expect(statSync(file()).mode & 0o777).toBe(0o600)

  const warned = await child().run(['doctor', '--no-model', '--task-queue', child().taskQueue])
  expect(warned.stdout).toMatch(/warn +master-keys .*data keys are wrapped by `m-first`/)
  const rewrapped = await child().run(['keys', 'rewrap', '--json'])
  expect(JSON.parse(rewrapped.stdout)).toMatchObject({ left: 0, byMasterKey: [{ masterKeyId: next, destroyed: 0 }] })
  expect((await child().run(['doctor', '--no-model', '--task-queue', child().taskQueue])).stdout).toMatch(
    /ok +master-keys /,
  )
  expect((await child().run(['keys', 'list', '--json'])).stdout).toContain(next)

  const after = await started()
  const { rows } = await query(child().databaseUrl, 'SELECT DISTINCT master_key_id FROM countersign.data_keys')
  expect(rows).toEqual([{ master_key_id: next }])
  for (const id of [before, after]) {
    const { code, stdout } = await child().run(['show', id])
    expect([code, stdout]).toEqual([0, expect.stringContaining('$120.00')])
  }
})

test('a file of master keys that is broken is left as it is', async () => {
  const broken = join(folder(), 'broken.json')
  writeFileSync(broken, '{"current":')
  const { code, stderr } = await child().run(['keys', 'new-master', '--out', broken])
  expect([code, stderr]).toEqual([1, expect.stringContaining('was left as it is: master keys are not JSON')])
  expect(readFileSync(broken, 'utf8')).toBe('{"current":')
  const unknown = await child().run(['keys', 'new-master', '--out', file(), '--use', 'm-none'])
  expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('there is no master key `m-none`')])
  const none = await without(['keys', 'rewrap'])
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('master_keys_missing')])
})

test('the doctor finds master keys that everybody can read, that are not there, and that are others', async () => {
  const doctor = (env: Readonly<Record<string, string>>) =>
    without(['doctor', '--no-model', '--task-queue', child().taskQueue], env)
  const open = join(folder(), 'open.json')
  writeFileSync(open, readFileSync(file()))
  chmodSync(open, 0o644)
  expect((await doctor({ COUNTERSIGN_MASTER_KEYS: open })).stdout).toMatch(
    /FAIL +master-keys +everybody on this machine can read/,
  )
  expect((await doctor({})).stdout).toMatch(
    /FAIL +master-keys +the ledger has data keys, and there are no master keys here/,
  )
  const other = JSON.stringify({ current: 'm-x', keys: { 'm-x': Buffer.alloc(32, 9).toString('base64') } })
  expect((await doctor({ COUNTERSIGN_MASTER_KEYS: other })).stdout).toMatch(
    /FAIL +master-keys .*is not among those of this process/,
  )
})

test.for([
  ['without master keys, in production', [], {}, 'master_keys_missing'],
  ['with --payloads encrypted and none', ['--development', '--payloads', 'encrypted'], {}, 'master_keys_missing'],
  [
    'with keys, and --payloads plain',
    ['--payloads', 'plain'],
    { COUNTERSIGN_MASTER_KEYS: '{"current":"a","keys":{"a":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="}}' },
    'config_invalid',
  ],
  ['with keys that are none', [], { COUNTERSIGN_MASTER_KEYS: '{"current":"a","keys":{}}' }, 'config_invalid'],
  ['with keys named twice', [], { COUNTERSIGN_MASTER_KEYS: '{}', COUNTERSIGN_VAULT_KEY: 'k' }, 'config_invalid'],
  ['with a Vault that nobody names', [], { COUNTERSIGN_VAULT_KEY: 'k', VAULT_ADDR: '' }, 'config_invalid'],
  [
    'without a token for Vault',
    [],
    { COUNTERSIGN_VAULT_KEY: 'k', VAULT_ADDR: 'http://127.0.0.1:1', VAULT_TOKEN: '' },
    'config_invalid',
  ],
  [
    'with a Vault that does not answer',
    [],
    { COUNTERSIGN_VAULT_KEY: 'k', VAULT_ADDR: 'http://127.0.0.1:1', VAULT_TOKEN: 'x' },
    'keys_unavailable',
  ],
] as const)('a worker %s does not start, and says what to do', async ([, args, env, code]) => {
  const own = {
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    DATABASE_URL: child().databaseUrl,
    COUNTERSIGN_PAYLOADS: '',
    ...env,
  }
  const said = await countersign(['worker', '--task-queue', `none-${randomUUID()}`, ...args], {
    env: own,
    ...('COUNTERSIGN_PAYLOADS' in env ? {} : { unset: ['COUNTERSIGN_PAYLOADS'] }),
    cwd: folder(),
  })
  expect([said.code, said.stderr]).toEqual([1, expect.stringContaining(code)])
  expect(said.stderr).not.toContain('ready  Temporal')
})

test('a command wraps data keys with Vault, by a token in a file', async () => {
  const vault = await startVault()
  vault.makeKey('countersign')
  vault.setToken('hvs.of-a-file')
  const token = join(folder(), 'vault-token')
  writeFileSync(token, 'hvs.of-a-file\n')
  const env = {
    COUNTERSIGN_VAULT_KEY: 'countersign',
    VAULT_ADDR: vault.address,
    COUNTERSIGN_VAULT_TOKEN_FILE: token,
    VAULT_TOKEN: '',
  }
  const id = `refund-${randomUUID()}`
  const args = [
    'start',
    'refund_request',
    '--id',
    id,
    '--request',
    '{"orderId":"o","ticketId":"t","message":"m"}',
    '--by',
    'ana',
    '--force',
  ]
  const { code, stderr } = await without([...args, '--task-queue', `none-${randomUUID()}`], env)
  expect([code, stderr]).toEqual([0, expect.anything()])
  const { rows } = await query(
    child().databaseUrl,
    'SELECT master_key_id FROM countersign.data_keys WHERE workflow_id = $1',
    [id],
  )
  expect(rows).toEqual([{ master_key_id: 'vault:transit/countersign:v1' }])
  await query(child().databaseUrl, 'DELETE FROM countersign.data_keys WHERE workflow_id = $1', [id])
  await vault.stop()
})
