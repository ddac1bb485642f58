import type { Payload, SerializationContext } from '@temporalio/common'
import { defaultPayloadConverter } from '@temporalio/common'
import type { temporal } from '@temporalio/proto'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { BULK_MARK } from '../../src/contract/bulk.ts'
import { codeOf } from '../../src/contract/failures.ts'
import { openDatabase } from '../../src/ledger/database.ts'
import { countDataKeys, destroyDataKeys } from '../../src/ledger/data-keys.ts'
import { BOUND_MARK, encryptingCodec, KEY_MARK, readingCodec, workerCodec } from '../../src/privacy/codec.ts'
import { ledgerDataKeys } from '../../src/privacy/data-keys.ts'
import { FAILURE_MARK, hidden } from '../../src/privacy/hidden-failures.ts'
import {
  localMasterKeys,
  masterKeysFile,
  MasterKeysError,
  parseMasterKeys,
  withNewMasterKey,
} from '../../src/privacy/master-keys.ts'
import { isSealed, open, openOrErased, PLAIN, seal, sealerOf } from '../../src/privacy/sealed.ts'
import { useLedger } from '../worker/ledger-case.ts'
import { testMasterKeys } from './keys.ts'

const ledger = useLedger()
/** Of one test, which wraps every key of it anew. */
const rewrapped = useLedger()
const masterKeys = testMasterKeys()
/** The keys as a process of its own has them. */
const process = (master = masterKeys) => ledgerDataKeys(ledger(), master)

const payloadOf = (value: unknown): Payload => defaultPayloadConverter.toPayload(value)
const workflow = (workflowId: string, namespace = 'default'): SerializationContext => ({
  type: 'workflow',
  namespace,
  workflowId,
})
const activity = (workflowId: string, namespace = 'default'): SerializationContext => ({
  type: 'activity',
  namespace,
  workflowId,
  isLocal: false,
})
const newId = () => `codec-${randomUUID()}`

async function encoded(value: unknown, context?: SerializationContext, keys = process()): Promise<Payload> {
  const [payload] = await encryptingCodec(keys, 'default').encode([payloadOf(value)], context)
  return payload as Payload
}
const decode = async (payload: Payload, context?: SerializationContext, keys = process()): Promise<unknown> =>
  defaultPayloadConverter.fromPayload((await encryptingCodec(keys, 'default').decode([payload], context))[0] as Payload)
const refused = (asked: Promise<unknown>) => asked.then(() => 'decoded', codeOf)

test('what one process encrypts another decrypts, and of the payload only its key is to be seen', async () => {
  const id = newId()
  const payload = await encoded({ name: 'Maria Muster' }, workflow(id))
  expect(Object.keys(payload.metadata ?? {}).toSorted()).toEqual([KEY_MARK, 'encoding'])
  expect(Buffer.from(payload.data ?? []).includes('Maria')).toBe(false)
  expect(await decode(payload, workflow(id))).toEqual({ name: 'Maria Muster' })
  expect(await decode(payload, activity(id))).toEqual({ name: 'Maria Muster' })
  expect(await decode(payload)).toEqual({ name: 'Maria Muster' })
})

test('one workflow has one key, however many processes make it at once, and no other has it', async () => {
  const id = newId()
  const made = await Promise.all(Array.from({ length: 10 }, () => process().keyFor('default', id)))
  expect(new Set(made.map(({ keyId }) => keyId)).size).toBe(1)
  expect((await process().keyFor('default', newId())).keyId).not.toBe(made[0]?.keyId)
  expect((await process().keyFor('other', id)).keyId).not.toBe(made[0]?.keyId)
})

test('a payload that was moved to another workflow or namespace is not decrypted', async () => {
  const id = newId()
  const payload = await encoded('it is mine', workflow(id))
  expect(await refused(decode(payload, activity(newId())))).toBe('payload_moved')
  expect(await refused(decode(payload, activity(id, 'other')))).toBe('payload_moved')
  // Neither by naming the other workflow's key: what it is bound to is not in it.
  const other = newId()
  const theirs = await encoded('it is theirs', workflow(other))
  const renamed = {
    ...payload,
    metadata: { ...payload.metadata, [KEY_MARK]: theirs.metadata?.[KEY_MARK] as Uint8Array },
  }
  expect(await refused(decode(renamed, activity(other)))).toBe('payload_damaged')
})

test('a payload that was cut or altered, in any byte, is not decrypted', async () => {
  const id = newId()
  const payload = await encoded('all of it', workflow(id))
  const data = Buffer.from(payload.data ?? [])
  for (const length of [0, 5, 27, data.length - 1]) {
    expect(await refused(decode({ ...payload, data: data.subarray(0, length) }, activity(id)))).toBe('payload_damaged')
  }
  for (const at of data.keys()) {
    const altered = Buffer.from(data)
    altered[at] = (altered[at] ?? 0) ^ 1
    expect(await refused(decode({ ...payload, data: altered }, activity(id)))).toBe('payload_damaged')
  }
  const unbound = { ...payload, metadata: { ...payload.metadata, [BOUND_MARK]: Buffer.from('none') } }
  expect(await refused(decode(unbound, activity(id)))).toBe('payload_damaged')
})

test('a worker leaves summaries that are the same in every run, and nothing else', async () => {
  const id = newId()
  const codec = workerCodec(process(), 'default', new Set(['look the order up']))
  const title = payloadOf('look the order up')
  const failed = { ...title, metadata: { ...title.metadata, [FAILURE_MARK]: new Uint8Array([1]) } }
  const [same, other, ofFailure] = await Promise.all(
    [title, payloadOf('look the order up!'), failed].map(
      async (payload) => (await codec.encode([payload], activity(id)))[0],
    ),
  )
  expect(same).toEqual(title)
  for (const payload of [other, ofFailure]) expect(Buffer.from(payload?.data ?? []).includes('order')).toBe(false)
  expect(await codec.decode([same as Payload], activity(id))).toEqual([same])
})

test('a key that the database does not know is not made up', async () => {
  const payload = await encoded('hm', workflow(newId()))
  const unknown = { ...payload, metadata: { ...payload.metadata, [KEY_MARK]: Buffer.from(randomUUID()) } }
  expect(await refused(decode(unknown, activity(newId())))).toBe('payload_key_unknown')
  // The index key hashes, and decrypts nothing.
  await process().hiddenName('cus_1')
  const row = await ledger()
    .selectFrom('countersign.data_keys')
    .select('key_id')
    .where('kind', '=', 'index')
    .executeTakeFirstOrThrow()
  const index = { ...payload, metadata: { ...payload.metadata, [KEY_MARK]: Buffer.from(row.key_id) } }
  expect(await refused(decode(index, activity(newId())))).toBe('payload_key_unknown')
})

test('with another master key, also one of the same name, nothing is decrypted, and nothing breaks', async () => {
  const id = newId()
  const payload = await encoded('wrapped', workflow(id))
  const others = localMasterKeys(JSON.stringify(withNewMasterKey(undefined)))
  expect(await refused(decode(payload, activity(id), ledgerDataKeys(ledger(), others)))).toBe('keys_unavailable')
  const same = localMasterKeys(JSON.stringify(withNewMasterKey(undefined, { id: masterKeys.currentId })))
  expect(await refused(decode(payload, activity(id), ledgerDataKeys(ledger(), same)))).toBe('keys_unavailable')
  // A wrapped key that was put into the row of another workflow is of no use there.
  const other = newId()
  const moved = await encoded('other', workflow(other))
  const rows = ledger().selectFrom('countersign.data_keys').select('wrapped').where('workflow_id', '=', id)
  const { wrapped } = await rows.executeTakeFirstOrThrow()
  await ledger().updateTable('countersign.data_keys').set({ wrapped }).where('workflow_id', '=', other).execute()
  expect(await refused(decode(moved, activity(other)))).toBe('keys_unavailable')
})

test('a destroyed key is out of force in every process within about a second, and the workflow id gets another one', async () => {
  const id = newId()
  const keys = process()
  const payload = await encoded('forget me', workflow(id), keys)
  const sealed = await seal(keys, { namespace: 'default', workflowId: id }, { name: 'Maria' })
  expect(await decode(payload, activity(id), keys)).toBe('forget me')
  await destroyDataKeys(ledger(), { workflowId: id }, 'erased for a test')
  await delay(1_100)
  expect(await refused(decode(payload, activity(id), keys))).toBe('payload_erased')
  expect(await refused(open(keys, sealed))).toBe('payload_erased')
  expect(await openOrErased(keys, sealed)).toEqual({ erased: true })
  const [read] = await readingCodec(keys).decode([payload], workflow(id))
  expect(defaultPayloadConverter.fromPayload(read as Payload)).toEqual({ erased: true })
  const again = await encoded('another run', workflow(id), keys)
  expect(Buffer.from(again.metadata?.[KEY_MARK] ?? [])).not.toEqual(Buffer.from(payload.metadata?.[KEY_MARK] ?? []))
  expect(await decode(again, activity(id), keys)).toBe('another run')
})

test('what was encrypted for no workflow is of the first one that decrypts it, and of no other', async () => {
  const payload = await encoded('from outside')
  const ids = Array.from({ length: 8 }, newId)
  const came = await Promise.all(ids.map((id) => refused(decode(payload, activity(id)))))
  expect(came.filter((one) => one === 'decoded')).toHaveLength(1)
  expect(came.filter((one) => one === 'payload_moved')).toHaveLength(7)
  const owner = ids[came.indexOf('decoded')] ?? ''
  expect(await decode(payload, activity(owner))).toBe('from outside')
  expect(await refused(decode(payload, activity(owner, 'other')))).toBe('payload_moved')
  // What the workflow encrypts itself is not with that key.
  expect((await process().keyFor('default', owner)).keyId).not.toBe(
    Buffer.from(payload.metadata?.[KEY_MARK] ?? []).toString(),
  )
  // Whoever only reads gives it to nobody.
  const mine = await encoded('only read')
  const [read] = await readingCodec(process()).decode([mine], workflow(newId()))
  expect(defaultPayloadConverter.fromPayload(read as Payload)).toBe('only read')
  expect(await decode(mine, activity(newId()))).toBe('only read')
})

test('what comes from outside and cannot be decrypted a worker passes on; what a worker answered fails, and so does all for a client', async () => {
  const payload = await encoded('moved', workflow(newId()))
  const worker = workerCodec(process(), 'default')
  const elsewhere = workflow(newId())
  expect(await worker.decode([payload], elsewhere)).toEqual([payload])
  expect(await refused(worker.decode([payload], activity(newId())))).toBe('payload_moved')
  expect(await refused(encryptingCodec(process(), 'default').decode([payload], elsewhere))).toBe('payload_moved')
  const plain = payloadOf('from the command of Temporal')
  expect(await worker.decode([plain], elsewhere)).toEqual([plain])
})

test('while the keys are away nothing is encrypted with none, a failure is told all the same, and later all goes on', async () => {
  const master = testMasterKeys()
  const known = newId()
  const keys = ledgerDataKeys(ledger(), master)
  const codec = workerCodec(keys, 'default')
  await codec.encode([payloadOf(1)], workflow(known))
  master.setAway(true)
  await delay(1_100)
  // At hand, and the database says that it was not destroyed.
  expect(Buffer.from((await codec.encode([payloadOf(1)], workflow(known)))[0]?.data ?? [])).not.toEqual(
    payloadOf(1).data,
  )
  expect(await refused(codec.encode([payloadOf('secret')], workflow(newId())))).toBe('keys_unavailable')
  const { encodedAttributes } = hidden<temporal.api.failure.v1.IFailure>({ message: 'secret', stackTrace: 'at secret' })
  const [told] = await codec.encode([encodedAttributes as Payload], workflow(newId()))
  expect(defaultPayloadConverter.fromPayload(told as Payload)).toEqual({ withheld: true })
  // Of no workflow: what the SDK says of what it could not decode.
  expect(defaultPayloadConverter.fromPayload((await codec.encode([payloadOf('secret')]))[0] as Payload)).toEqual({
    withheld: true,
  })
  master.setAway(false)
  const id = newId()
  expect(
    await decode(
      (await codec.encode([payloadOf('later')], workflow(id)))[0] as Payload,
      activity(id),
      ledgerDataKeys(ledger(), master),
    ),
  ).toBe('later')
})

test('while the database is away a key at hand goes on encrypting, and nothing is decrypted of which nobody knows whether it was destroyed', async () => {
  const db = openDatabase('postgres://127.0.0.1:1/none', () => {})
  const away = ledgerDataKeys(db, masterKeys)
  expect(await refused(away.keyFor('default', newId()))).toBe('keys_unavailable')
  expect(await refused(away.keyById(randomUUID()))).toBe('keys_unavailable')
  expect(await refused(away.hiddenName('x'))).toBe('keys_unavailable')
  await db.destroy()
})

test('every data key is wrapped anew, by whoever does it at once, and none is lost or comes back', async () => {
  const db = rewrapped()
  const master = testMasterKeys()
  const keys = ledgerDataKeys(db, master)
  const ids = Array.from({ length: 30 }, newId)
  const payloads = await Promise.all(ids.map((id) => encoded(id, workflow(id), keys)))
  const name = await keys.hiddenName('cus_1')
  // One that no master key here unwraps keeps no other from it.
  await ledgerDataKeys(db, testMasterKeys()).keyFor('default', 'of-another-master-key')
  master.rotate()
  await destroyDataKeys(db, { workflowId: ids[0] ?? '' }, 'erased meanwhile')
  const both = await Promise.all([keys.rewrap(), ledgerDataKeys(db, master).rewrap()])
  expect(both.map(({ left }) => left)).toEqual([1, 1])
  expect(both.reduce((sum, one) => sum + one.rewrapped, 0)).toBe(30)
  expect(await countDataKeys(db)).toContainEqual({ masterKeyId: master.currentId, live: 30, destroyed: 0 })
  master.forget()
  const fresh = ledgerDataKeys(db, master)
  const came = await Promise.all(
    payloads.map((payload, at) => refused(decode(payload, activity(ids[at] ?? ''), fresh))),
  )
  expect(came).toEqual(['payload_erased', ...Array.from({ length: 29 }, () => 'decoded')])
  expect(await fresh.hiddenName('cus_1')).toBe(name)
})

test('wrapping anew is given up while the master keys are away', async () => {
  const db = rewrapped()
  // Those of other tests have master keys of their own.
  await db.deleteFrom('countersign.data_keys').execute()
  const master = testMasterKeys()
  const keys = ledgerDataKeys(db, master)
  await Promise.all(Array.from({ length: 12 }, () => keys.keyFor('default', newId())))
  master.rotate()
  master.setAway(true)
  expect(await refused(keys.rewrap())).toBe('keys_unavailable')
  master.setAway(false)
  expect((await keys.rewrap()).rewrapped).toBe(12)
})

test('a key is unwrapped once, however often it is used at once', async () => {
  const master = testMasterKeys()
  const id = newId()
  const payload = await encoded('often', workflow(id), ledgerDataKeys(ledger(), master))
  const keys = ledgerDataKeys(ledger(), master)
  const before = master.unwrapped()
  await Promise.all(Array.from({ length: 50 }, () => decode(payload, activity(id), keys)))
  await delay(1_100)
  await decode(payload, activity(id), keys)
  expect(master.unwrapped() - before).toBe(1)
})

test('what is too large for a history is marked as such once it is encrypted', async () => {
  const payload = { ...payloadOf('big'), metadata: { ...payloadOf('big').metadata, [BULK_MARK]: new Uint8Array([1]) } }
  const id = newId()
  const [big] = await encryptingCodec(process(), 'default').encode([payload], workflow(id))
  expect(big?.metadata?.[BULK_MARK]).toBeDefined()
  expect(await decode(big as Payload, activity(id))).toBe('big')
})

test('a sealed column is of one workflow, and of its key', async () => {
  const keys = process()
  const place = { namespace: 'default', workflowId: newId() }
  const sealed = await seal(keys, place, { amount: 12 })
  expect(isSealed(sealed)).toBe(true)
  expect(JSON.stringify(sealed)).not.toContain('amount')
  const sealer = await sealerOf(keys, place)
  expect(sealer.open(sealed)).toEqual({ amount: 12 })
  expect(sealer.open(sealer.seal('text'))).toBe('text')
  expect([sealer.seal(null), sealer.open(null), sealer.open({ plain: 1 })]).toEqual([null, null, { plain: 1 }])
  expect(await refused(open(keys, sealed, { workflowId: newId() }))).toBe('payload_moved')
  const other = await sealerOf(keys, { namespace: 'default', workflowId: newId() })
  expect(() => other.open(sealed)).toThrow('not in force')
  expect(() => PLAIN.open(sealed)).toThrow('no master keys')
  // A column is no payload: neither decrypts as the other.
  const { sealed: bytes, key } = sealed as { readonly sealed: string; readonly key: string }
  const payload = await encoded('x', workflow(place.workflowId))
  const asPayload = {
    metadata: { ...payload.metadata, [KEY_MARK]: Buffer.from(key) },
    data: Buffer.from(bytes, 'base64'),
  }
  expect(await refused(decode(asPayload, activity(place.workflowId)))).toBe('payload_damaged')
})

test('a file of master keys is read again when it changes, and a broken one changes nothing', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'master-keys-')), 'keys.json')
  const first = withNewMasterKey(undefined)
  writeFileSync(file, JSON.stringify(first))
  const keys = masterKeysFile(file)
  const wrapped = await keys.wrap(Buffer.alloc(32, 7), 'bound')
  expect(await refused(keys.unwrap(wrapped, 'otherwise'))).toBe('keys_unavailable')
  await delay(1_100)
  writeFileSync(file, '{')
  expect(keys.currentId).toBe(first.current)
  const second = withNewMasterKey(first)
  await delay(1_100)
  writeFileSync(file, JSON.stringify(second))
  expect(keys.currentId).toBe(second.current)
  expect(Buffer.from(await keys.unwrap(wrapped, 'bound'))).toEqual(Buffer.alloc(32, 7))
})

test.for([
  ['no JSON', 'm-1'],
  ['a current key that is not there', '{"current":"m-2","keys":{}}'],
  ['a key that is too short', '{"current":"m-1","keys":{"m-1":"c2hvcnQ="}}'],
  ['something else beside them', '{"current":"m-1","keys":{},"more":1}'],
] as const)('master keys with %s are refused, and no key is quoted', ([, text]) => {
  expect(() => parseMasterKeys(text)).toThrow(MasterKeysError)
  expect(() => parseMasterKeys(text)).not.toThrow('c2hvcnQ')
})

test('a new master key is the current one, or later, and the ones before it stay', () => {
  const first = withNewMasterKey(undefined, { id: 'a' })
  const second = withNewMasterKey(first, { id: 'b', later: true })
  expect([second.current, Object.keys(second.keys)]).toEqual(['a', ['a', 'b']])
  expect(withNewMasterKey(second, { id: 'c' })).toMatchObject({ current: 'c', keys: first.keys })
  expect(() => withNewMasterKey(second, { id: 'b' })).toThrow(MasterKeysError)
})
