import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { encryptedDataConverter } from '../../../src/client/index.ts'
import { openDatabase } from '../../../src/ledger/database.ts'
import { ledgerDataKeys } from '../../../src/privacy/data-keys.ts'
import { masterKeysFile } from '../../../src/privacy/master-keys.ts'
import { type Background, countersign, inBackground, useFolder } from '../../cli/cli.ts'
import { requestFor, resultOf } from '../../cli/waiting-run.ts'
import { useWorkerChild } from '../../cli/worker-child.ts'

const folder = useFolder()
const at = (name: string): string => join(folder(), name)
beforeAll(async () => {
  await countersign(['keys', 'new-master', '--out', at('master.json')], { cwd: folder() })
})
const child = useWorkerChild(folder, {
  env: () => ({ COUNTERSIGN_MASTER_KEYS: at('master.json'), COUNTERSIGN_PAYLOADS: 'encrypted' }),
})
/** A computer that knows no server and no master key. */
const elsewhere = (...args: readonly string[]) => countersign(['audit', ...args], { cwd: folder() })
let signer: Background
let workflowId: string

beforeAll(async () => {
  await elsewhere('new-key', '--out', at('signer'))
  await elsewhere('new-key', '--for-reading', '--out', at('auditor'))
  await elsewhere('new-key', '--for-reading', '--out', at('other'))
  const args = ['--origin', 'acme.example/x', '--state', at('state'), '--key-file', at('signer')]
  signer = inBackground(['audit', 'signer', ...args, '--socket', at('s.sock')], { cwd: folder() })
  await signer.says('ready')
  const { order, request } = await requestFor(child())
  workflowId = `read-${order.orderId}`
  const db = openDatabase(child().databaseUrl, () => {})
  const connection = await Connection.connect({ address: inject('temporalAddress') })
  const dataConverter = encryptedDataConverter(ledgerDataKeys(db, masterKeysFile(at('master.json'))))
  const client = child().clientOn(new Client({ connection, dataConverter }))
  const principal = { subject: 'ana@acme.example', workspace: 'acme' }
  await resultOf(await client.start('refund_request', request, { principal, workflowId }))
  await connection.close()
  await db.destroy()
  await child().run(['audit', 'seal', workflowId, '--signer', `unix:${at('s.sock')}`])
  await writeFile(at('pinned'), (await child().run(['audit', 'checkpoint'])).stdout)
}, 60_000)
afterAll(async () => {
  signer.signal('SIGTERM')
  await signer.ended
})

const bundle = (...more: readonly string[]) =>
  child().run(['audit', 'bundle', workflowId, '--out', at('run.json'), ...more])
const verify = (...more: readonly string[]) =>
  elsewhere('verify', at('run.json'), '--key', at('signer.pub'), '--checkpoint', at('pinned'), ...more)

test('an auditor gets the keys of a run, on record, and reads it where there is no server', async () => {
  expect((await stat(at('auditor'))).mode & 0o777).toBe(0o600)
  expect((await bundle('--for', at('auditor.pub'))).code).toBe(2)
  await expect(stat(at('run.json'))).rejects.toThrow('ENOENT')
  const given = await bundle('--for', at('auditor.pub'), '--reason', 'audit of 2026')
  expect([given.code, given.stdout]).toEqual([0, expect.stringMatching(/^keys {2}\S+\/run\.json\.keys, 1: /)])
  const issued = await child().run(['audit', 'issued', workflowId])
  expect(issued.stdout).toMatch(/\n.*read-\S+ +[0-9a-f]{32} +\S+ \(not proved\) +audit of 2026\n$/)

  const without = await verify()
  expect([without.code, without.stdout]).toEqual([
    0,
    expect.stringMatching(/\nreading +SEALED [^]*\nreceipts +SEALED /),
  ])
  const read = await verify('--read-with', at('auditor'))
  expect([read.stderr, read.code]).toEqual(['', 0])
  expect(read.stdout).toMatch(
    /\nreading +ok +\d+ payloads decrypted with 1 keys\n[^]*\nreceipts +ok [^]*\nstatements +ok /,
  )
  const other = await verify('--read-with', at('other'))
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('holds no data keys for this reader')])
})

test('a page for a lawyer is made of the file, with what is encrypted only for the reader', async () => {
  await bundle('--for', at('auditor.pub'), '--reason', 'audit of 2026')
  const page = (...more: readonly string[]) =>
    elsewhere('export', workflowId, '--bundle', at('run.json'), '--format', 'html', ...more)
  const sealed = await page()
  expect([sealed.code, sealed.stderr]).toEqual([0, expect.stringContaining('`countersign audit verify` tells')])
  expect(sealed.stdout).not.toContain('ana@acme.example')
  const full = await page('--read-with', at('auditor'))
  expect(full.stdout).toContain('ana@acme.example')
  expect(await readFile(at('run.json'), 'utf8')).not.toContain('ana@acme.example')
  const said = await elsewhere(
    'explain',
    workflowId,
    'billing.refund-1',
    '--bundle',
    at('run.json'),
    '--read-with',
    at('auditor'),
  )
  expect([said.code, said.stdout.split('\n').length]).toEqual([0, 4])
  expect((await elsewhere('export', 'another', '--bundle', at('run.json'))).code).toBe(2)
  expect((await elsewhere('export', workflowId, '--bundle', at('pinned'))).stderr).toContain('is no sealed file')
})

test('without master keys, and where the run is at home elsewhere, nobody is given a key', async () => {
  const more = ['--for', at('auditor.pub'), '--reason', 'x', '--out', at('none.json')]
  const run = (env: Readonly<Record<string, string>>) =>
    countersign(['audit', 'bundle', workflowId, ...more], { cwd: folder(), env: { ...child().env, ...env } })
  const keyless = await run({ COUNTERSIGN_MASTER_KEYS: '' })
  expect([keyless.code, keyless.stderr]).toEqual([1, expect.stringContaining('master_keys_missing')])
  const home = '{ namespace: default, task_queue: q, database: "elsewhere.example:5432/ledger" }'
  await writeFile(at('homes.yaml'), `workspaces:\n  acme: ${home}\nothers: refuse\n`)
  const abroad = await run({ COUNTERSIGN_WORKSPACES: at('homes.yaml') })
  expect([abroad.code, abroad.stderr]).toEqual([1, expect.stringContaining('workspace_elsewhere')])
  await expect(stat(at('none.json.keys'))).rejects.toThrow('ENOENT')
  await expect(stat(at('none.json'))).rejects.toThrow('ENOENT')
})
