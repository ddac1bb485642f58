import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { failureOf } from '../../src/contract/failures.ts'
import { countDataKeys } from '../../src/ledger/data-keys.ts'
import { type LedgerDatabase, openDatabase } from '../../src/ledger/database.ts'
import { ledgerDataKeys } from '../../src/privacy/data-keys.ts'
import { vaultMasterKeys, type VaultSettings } from '../../src/privacy/vault.ts'
import { approvalOf, pendingOf, startRefund } from '../support/refunds.ts'
import { sampleDatabase, startWorld, type TestDatabase } from '../support/world.ts'
import { startVault, type TestVault } from './vault-server.ts'

let vault: TestVault
let database: TestDatabase
let db: LedgerDatabase
beforeAll(async () => {
  vault = await startVault()
  database = await sampleDatabase()
  db = openDatabase(database.url, () => {})
})
afterAll(async () => {
  await db.destroy()
  await database.drop()
  await vault.stop()
})
afterEach(() => {
  vault.setSealed(false)
  vault.setToken('token-1')
  vault.answerWith(undefined)
})

const settings = (key: string, more: Partial<VaultSettings> = {}): VaultSettings => ({
  address: vault.address,
  key,
  token: () => 'token-1',
  ...more,
})
const newKey = (derived = false, type?: string): string => {
  const name = `k-${randomUUID()}`
  vault.makeKey(name, { derived, ...(type !== undefined && { type }) })
  return name
}
/** What a call fails with; fails itself where it does not. */
const failure = async (call: Promise<unknown>) =>
  await call.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => failureOf(error) ?? Promise.reject(error as Error),
  )

test.each([
  ['plain', false],
  ['derived', true],
])('a %s transit key wraps what it alone unwraps, for what it was wrapped for', async (_, derived) => {
  const keys = await vaultMasterKeys(settings(newKey(derived)))
  const plain = randomBytes(32)
  const wrapped = await keys.wrap(plain, 'default, refund-1')
  expect(wrapped.masterKeyId).toBe(keys.currentId)
  expect(wrapped.masterKeyId).toMatch(/^vault:transit\/k-[\w-]+:v1$/)
  expect(Buffer.from(wrapped.bytes).toString()).toMatch(/^vault:v1:/)
  expect(Buffer.from(await keys.unwrap(wrapped, 'default, refund-1'))).toEqual(plain)
  expect(await failure(keys.unwrap(wrapped, 'default, refund-2'))).toMatchObject({
    code: 'keys_unavailable',
    message: expect.stringContaining('cipher: message authentication failed'),
  })
  const other = await vaultMasterKeys(settings(newKey(derived)))
  expect(await failure(other.unwrap(wrapped, 'default, refund-1'))).toMatchObject({ code: 'keys_unavailable' })
})

test('what is wrong with Vault is told by its status, and the token is in no message', async () => {
  const key = newKey()
  const keys = await vaultMasterKeys(settings(key, { timeoutMs: 300 }))
  const wrapped = await keys.wrap(randomBytes(32), 'x')
  const said: string[] = []
  const fails = async (words: string, call: Promise<unknown> = keys.unwrap(wrapped, 'x')) => {
    const { code, message } = await failure(call)
    said.push(message)
    expect({ code, message }).toEqual({ code: 'keys_unavailable', message: expect.stringContaining(words) })
  }
  vault.setToken('token-2')
  await fails('Vault refused: the token is missing, over, or may not do this (403): permission denied')
  vault.setToken('token-1')
  vault.setSealed(true)
  await fails('Vault is sealed or down for maintenance (503): Vault is sealed')
  await fails('is sealed', vaultMasterKeys(settings(key)))
  vault.setSealed(false)
  await fails('Vault knows no such key, or no such engine (404)', vaultMasterKeys(settings('nobody')))
  await fails('no such engine (404): no handler for route', vaultMasterKeys(settings(key, { mount: 'elsewhere' })))
  await fails('is of type rsa-2048', vaultMasterKeys(settings(newKey(false, 'rsa-2048'))))
  vault.answerWith({ status: 473, body: '' })
  await fails('Vault is a standby that does not answer (473)')
  vault.answerWith({ status: 500, body: '<html>' })
  await fails('Vault answered 500')
  vault.answerWith({ status: 200, body: '<html>' })
  await fails('in another form than its documentation says')
  vault.answerWith({ status: 200, body: '{"data":{"plaintext":7}}' })
  await fails('in another form than its documentation says')
  vault.answerWith('hang')
  await fails('Vault did not answer: TimeoutError')
  vault.answerWith(undefined)
  const gone = await startVault()
  await gone.stop()
  await fails('Vault did not answer: ECONNREFUSED', vaultMasterKeys(settings(key, { address: gone.address })))
  expect(said.filter((message) => message.includes('token-1'))).toEqual([])
  // Vault is as it was, and so is what was wrapped.
  await keys.unwrap(wrapped, 'x')
})

test('the token goes to no other address', async () => {
  const keys = await vaultMasterKeys(settings(newKey()))
  const other = await startVault()
  vault.answerWith({ status: 307, body: '', location: `${other.address}/v1/transit/encrypt/k` })
  expect(await failure(keys.wrap(randomBytes(32), 'x'))).toMatchObject({
    code: 'keys_unavailable',
    message: 'Vault did not answer: unexpected redirect',
  })
  expect(other.requests).toEqual([])
  await other.stop()
})

test('a renewed token counts from the next call on, and a namespace of Vault is named', async () => {
  let token = 'token-1'
  const keys = await vaultMasterKeys(settings(newKey(), { token: () => token, namespace: 'acme/' }))
  vault.setToken('token-2')
  expect(await failure(keys.wrap(randomBytes(32), 'x'))).toMatchObject({ code: 'keys_unavailable' })
  token = 'token-2'
  await keys.wrap(randomBytes(32), 'x')
  expect(vault.requests.at(-1)?.headers).toMatchObject({
    'x-vault-token': 'token-2',
    'x-vault-namespace': 'acme/',
    'x-vault-request': 'true',
  })
})

test.each([
  ['plain', false],
  ['derived', true],
])(
  'a %s key that is rotated in Vault: new keys by the new version, rewrap for the old ones, then the old version may go',
  async (_, derived) => {
    const name = newKey(derived)
    const workflowIds = Array.from({ length: 5 }, () => `w-${randomUUID()}`)
    const before = ledgerDataKeys(db, await vaultMasterKeys(settings(name)))
    const made = await Promise.all(workflowIds.map((id) => before.keyFor('default', id)))
    vault.rotate(name)
    // Who runs on hears of it with the next key that is made.
    await before.keyFor('default', `w-${randomUUID()}`)
    const usedBy = async () =>
      (await countDataKeys(db))
        .filter(({ masterKeyId }) => masterKeyId.includes(name))
        .map(({ masterKeyId, live }) => `${masterKeyId.split(':').at(-1)} ${live}`)
    expect(await usedBy()).toEqual(['v1 5', 'v2 1'])
    const masterKeys = await vaultMasterKeys(settings(name))
    expect(masterKeys.currentId).toMatch(/:v2$/)
    const from = vault.requests.length
    expect(await ledgerDataKeys(db, masterKeys).rewrap()).toMatchObject({ rewrapped: 5 })
    expect(await usedBy()).toEqual(['v2 6'])
    // A derived key is rewrapped within Vault: no data key leaves it.
    const asked = new Set(vault.requests.slice(from).map(({ what }) => what.split('/')[1]))
    expect(asked).toEqual(new Set(derived ? ['rewrap'] : ['decrypt', 'encrypt']))
    vault.setMinDecryptionVersion(name, 2)
    const after = ledgerDataKeys(db, await vaultMasterKeys(settings(name)))
    for (const { keyId, key } of made) expect((await after.keyById(keyId)).key.equals(key)).toBe(true)
  },
)

test('a run on keys of Vault; while Vault is sealed no other worker starts, and then it goes on there', async () => {
  const world = await startWorld({ masterKeys: await vaultMasterKeys(settings(newKey())) })
  try {
    const { run, order } = await startRefund(world, { amountCents: 12_000 })
    const pending = await pendingOf(run)
    await world.worker.stop()
    vault.setSealed(true)
    expect(await failure(world.startWorker())).toMatchObject({ code: 'keys_unavailable' })
    expect(await world.refunded(order.paymentId)).toBe(0)
    vault.setSealed(false)
    await world.startWorker()
    expect(await run.decide(approvalOf(pending))).toMatchObject({ accepted: true })
    expect(await run.outcome()).toMatchObject({ state: 'completed' })
    expect(await world.refunded(order.paymentId)).toBe(12_000)
  } finally {
    await world.stop()
  }
})
