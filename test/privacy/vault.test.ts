import { randomUUID } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { codeOf, failureOf } from '../../src/contract/failures.ts'
import { countDataKeys } from '../../src/ledger/data-keys.ts'
import { ledgerDataKeys } from '../../src/privacy/data-keys.ts'
import { vaultMasterKeys } from '../../src/privacy/vault.ts'
import { useLedger } from '../worker/ledger-case.ts'
import { startVault, type TestVault, TOKEN } from './vault-server.ts'

const ledger = useLedger()
const vaults: TestVault[] = []
afterEach(() => Promise.all(vaults.splice(0).map((vault) => vault.close())))

async function vaultOf(options: Parameters<typeof startVault>[0] = {}) {
  const vault = await startVault(options)
  vaults.push(vault)
  return { vault, settings: { address: vault.address, key: 'countersign', token: () => TOKEN } }
}
const plain = Buffer.alloc(32, 7)
const refused = (asked: Promise<unknown>) =>
  asked.then(
    () => 'done',
    (error: unknown) => failureOf(error)?.message ?? String(error),
  )

test.for([[false], [true]] as const)(
  'a data key is wrapped for what it is of, and for nothing else (derived key: %s)',
  async ([derived]) => {
    const { settings } = await vaultOf({ derived })
    const keys = await vaultMasterKeys(settings)
    const wrapped = await keys.wrap(plain, 'default/run')
    expect(wrapped.masterKeyId).toBe('vault:transit/countersign:v1')
    expect(Buffer.from(wrapped.bytes).toString()).toMatch(/^vault:v1:/)
    expect(Buffer.from(await keys.unwrap(wrapped, 'default/run'))).toEqual(plain)
    expect(await refused(keys.unwrap(wrapped, 'default/other'))).toContain('message authentication failed')
  },
)

test.for([
  [false, ['POST /v1/transit/decrypt/countersign', 'POST /v1/transit/encrypt/countersign']],
  [true, ['POST /v1/transit/rewrap/countersign']],
] as const)(
  'after a rotation in Vault every data key is wrapped anew, and the old version can go (derived key: %s)',
  async ([derived, calls]) => {
    const { vault, settings } = await vaultOf({ derived })
    const master = await vaultMasterKeys(settings)
    const keys = ledgerDataKeys(ledger(), master)
    const workflowId = `vault-${randomUUID()}`
    const { keyId } = await keys.keyFor('default', workflowId)
    vault.rotate()
    // Until somebody looks, or wraps: then the new version is the current one.
    expect(master.currentId).toBe('vault:transit/countersign:v1')
    const later = await vaultMasterKeys(settings)
    expect(later.currentId).toBe('vault:transit/countersign:v2')
    const from = vault.asked.length
    expect(await ledgerDataKeys(ledger(), later).rewrap()).toMatchObject({ rewrapped: 1, left: 0 })
    expect(vault.asked.slice(from)).toEqual(calls)
    expect(await countDataKeys(ledger())).toEqual([
      { masterKeyId: 'vault:transit/countersign:v2', live: 1, destroyed: 0 },
    ])
    vault.trim(2)
    expect(await ledgerDataKeys(ledger(), later).keyById(keyId)).toMatchObject({ workflowId })
    await ledger().deleteFrom('countersign.data_keys').execute()
  },
)

test.for([
  ['sealed', 503, '{"errors":["Vault is sealed"]}', 'is sealed or down for maintenance (503): Vault is sealed'],
  [
    'a token that may not',
    403,
    '{"errors":["permission denied"]}',
    'refused: the token is missing, over, or may not do this (403)',
  ],
  ['no such key', 404, '{"errors":[]}', 'knows no such key, or no such engine (404)'],
  ['a standby', 429, '', 'is a standby that does not answer (429)'],
  ['an error of its own', 500, '{"errors":["1 error occurred"]}', 'answered 500: 1 error occurred'],
  ['a page of a proxy', 200, '<html>', 'answered in another form'],
  ['no ciphertext', 200, '{"data":{}}', 'answered in another form'],
  ['a redirect', 307, '', 'did not answer'],
] as const)('%s is `keys_unavailable`, with what Vault said and no token', async ([, status, body, says]) => {
  const { vault, settings } = await vaultOf()
  const keys = await vaultMasterKeys(settings)
  vault.answer(status, body)
  const wrapping = keys.wrap(plain, 'x')
  expect(await wrapping.catch(codeOf)).toBe('keys_unavailable')
  expect(await refused(wrapping)).toContain(says)
  expect(await refused(wrapping)).not.toContain(TOKEN)
  vault.answer(undefined)
  expect(await refused(keys.wrap(plain, 'x'))).toBe('done')
})

test('a Vault that is sealed or gone when it is opened is told at once, and one that is unsealed goes on', async () => {
  const { vault, settings } = await vaultOf()
  vault.seal(true)
  expect(await refused(vaultMasterKeys(settings))).toContain('is sealed')
  vault.seal(false)
  const keys = await vaultMasterKeys(settings)
  expect(await refused(vaultMasterKeys({ ...settings, token: () => 'hvs.another' }))).toContain(
    '(403): permission denied',
  )
  expect(await refused(vaultMasterKeys({ ...settings, key: 'none' }))).toContain('knows no such key')
  expect(await refused(vaultMasterKeys({ ...settings, mount: 'elsewhere' }))).toContain(
    'knows no such key, or no such engine (404)',
  )
  await vault.close()
  expect(await refused(keys.wrap(plain, 'x'))).toContain('Vault did not answer: ')
})

test('one that does not answer in time is given up', async () => {
  const { settings } = await vaultOf()
  const keys = await vaultMasterKeys(settings)
  const slow = await vaultMasterKeys({ ...settings, timeoutMs: 5_000 })
  expect(slow.currentId).toBe(keys.currentId)
  const silent = { ...settings, address: 'http://192.0.2.1:8200', timeoutMs: 100 }
  expect(await refused(vaultMasterKeys(silent))).toContain('Vault did not answer')
})

test('a key that cannot bind what it wraps is refused', async () => {
  const { settings } = await vaultOf({ type: 'rsa-4096' })
  expect(await refused(vaultMasterKeys(settings))).toContain('is of type rsa-4096')
})

test('what another key wrapped is not sent to Vault', async () => {
  const { vault, settings } = await vaultOf()
  const keys = await vaultMasterKeys(settings)
  const from = vault.asked.length
  expect(await refused(keys.unwrap({ masterKeyId: 'm-1', bytes: plain }, 'x'))).toContain('not among those')
  expect(vault.asked.length).toBe(from)
})
