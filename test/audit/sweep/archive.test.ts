import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { copyName, copyPartition, readCopy } from '../../../src/audit/archive/copies.ts'
import { type BlobStore, StoreError } from '../../../src/audit/archive/store.ts'
import { storeAt } from '../../../src/audit/archive/store-at.ts'
import { readBundle } from '../../../src/audit/seal/bundle.ts'
import { appendSeal, bundleOf, sealsOf } from '../../../src/audit/seal/log.ts'
import { publish } from '../../../src/audit/seal/publish.ts'
import type { Signer } from '../../../src/audit/seal/signer.ts'
import { digestOf } from '../../../src/contract/digest.ts'
import { type LedgerDatabase, openDatabase } from '../../../src/ledger/database.ts'
import { sampleDatabase, type TestDatabase } from '../../support/world.ts'
import { newFolder, newSealKey, signerWith } from '../seal/log-of.ts'
import { committedHistories, sealCommitted } from '../seal/runs.ts'
import { S3Server, signatureOf } from './s3-server.ts'

const KEY = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }
const server = new S3Server('audits', KEY)
let endpoint: string
let folder: string
beforeAll(async () => {
  endpoint = await server.start()
  folder = newFolder()
})
afterAll(() => server.stop())
beforeEach(() => {
  server.trouble = undefined
  server.onKept = () => {}
})

const environment = (more: Readonly<Record<string, string>> = {}) => ({
  COUNTERSIGN_S3_ENDPOINT: endpoint,
  COUNTERSIGN_S3_REGION: 'eu-central-1',
  COUNTERSIGN_S3_ACCESS_KEY_ID: KEY.accessKeyId,
  COUNTERSIGN_S3_SECRET_ACCESS_KEY: KEY.secretAccessKey,
  ...more,
})
const bucket = (more?: Readonly<Record<string, string>>): BlobStore =>
  storeAt('s3://audits/acme/runs', environment(more))
const inFolder = (): BlobStore => storeAt(`file://${folder}/archive`, {})

test('the server of these tests signs as Amazon’s documented example does', () => {
  const headers = {
    host: 'examplebucket.s3.amazonaws.com',
    range: 'bytes=0-9',
    'x-amz-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'x-amz-date': '20130524T000000Z',
  }
  const by = {
    signedHeaders: ['host', 'range', 'x-amz-content-sha256', 'x-amz-date'],
    scope: '20130524/us-east-1/s3/aws4_request',
    secretAccessKey: KEY.secretAccessKey,
  }
  expect(signatureOf({ method: 'GET', path: '/test.txt', query: '', headers }, by)).toBe(
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  )
})

describe.each([
  ['a folder', inFolder],
  ['a bucket', bucket],
])('%s', (_name, store) => {
  test('keeps what was put there first, whole, and says what it has not', async () => {
    const name = 'ab/cd ef/0.json'
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, at) => at % 256))
    expect(await store().get(name)).toBeUndefined()
    expect(await store().put(name, bytes)).toBe('written')
    expect(await store().put(name, Buffer.from('another'))).toBe('there')
    expect(Buffer.from((await store().get(name)) ?? []).equals(bytes)).toBe(true)
    const many = await Promise.all(['a', 'b', 'c'].map((text) => store().put('race', Buffer.from(text))))
    expect(many.filter((came) => came === 'written')).toHaveLength(1)
  })
})

test('a folder holds nothing but what was put there', async () => {
  const store = inFolder()
  await Promise.all(['a', 'b'].map((text) => store.put('ef/0.json', Buffer.from(text))))
  expect(await readdir(join(folder, 'archive', 'ef'))).toEqual(['0.json'])
})

test('a bucket that refuses, is busy or away says so without a secret', async () => {
  const put = (store: BlobStore) => store.put('x', Buffer.from('x')).then(String, (error: unknown) => String(error))
  expect(await put(bucket({ COUNTERSIGN_S3_SECRET_ACCESS_KEY: 'wrong' }))).toBe(
    'StoreError: the bucket refused: 403 SignatureDoesNotMatch',
  )
  expect(await put(bucket({ COUNTERSIGN_S3_ACCESS_KEY_ID: 'nobody' }))).toBe(
    'StoreError: the bucket refused: 403 InvalidAccessKeyId',
  )
  expect(await put(storeAt('s3://other', environment()))).toBe('StoreError: the bucket refused: 404 NoSuchBucket')
  await expect(storeAt('s3://other', environment()).get('x')).rejects.toThrow('NoSuchBucket')
  server.trouble = 'busy'
  expect(await put(bucket())).toBe('StoreError: the bucket refused: 503 SlowDown')
  server.trouble = 'away'
  expect(await put(bucket())).toMatch(/^StoreError: the bucket did not answer: /)
  expect(server.objects.has('acme/runs/x')).toBe(false)
})

test('what names no store is told so', () => {
  const at = (url: string, more?: Readonly<Record<string, string>>) => () => storeAt(url, environment(more))
  for (const url of [
    'archive',
    'https://x',
    's3://',
    's3://a',
    's3://Audits',
    's3://audits/../x',
    's3://audits/a b',
    'file://host/x',
    's3://audits//x',
  ])
    expect(at(url)).toThrow(/is no store|names no bucket/)
  expect(at('s3://audits', { COUNTERSIGN_S3_SECRET_ACCESS_KEY: '' })).toThrow(
    'COUNTERSIGN_S3_SECRET_ACCESS_KEY is not set',
  )
  expect(at('s3://audits', { COUNTERSIGN_S3_ENDPOINT: 's3.example' })).toThrow('COUNTERSIGN_S3_ENDPOINT')
  expect(storeAt('s3://audits/a/', environment()).url).toBe('s3://audits/a')
})

describe('copies of bundles', () => {
  let database: TestDatabase
  let db: LedgerDatabase
  let signer: Signer
  const runKeys: string[] = []
  beforeAll(async () => {
    database = await sampleDatabase()
    db = openDatabase(database.url, () => {})
    signer = await signerWith(newSealKey())
    await addLeaves(4)
  })
  afterAll(async () => {
    await db.destroy()
    await database.drop()
  })

  async function addLeaves(count: number): Promise<void> {
    for (const history of committedHistories().slice(runKeys.length, runKeys.length + count)) {
      const sealed = await sealCommitted([history], signer)
      const { runKey } = sealed.record
      await appendSeal(db, sealed, {
        stateDigest: digestOf(runKeys.length),
        before: (await sealsOf(db, runKey)).at(-1)?.index ?? null,
      })
      runKeys.push(runKey)
    }
    await publish({ db, signer, witnesses: [] })
  }

  const whole = { partition: 0, of: 1 }
  const nameOf = (index: number): string => copyName(runKeys[index] ?? '', index)

  test('each leaf is copied once, as its bundle, under a name that tells nothing of the run', async () => {
    const store = bucket()
    const parts = await Promise.all([0, 1, 2].map((partition) => copyPartition({ db, store }, { partition, of: 3 })))
    expect(parts.reduce((sum, { copied }) => sum + copied, 0)).toBe(4)
    expect(Buffer.from(server.objects.get(`acme/runs/${nameOf(2)}`) ?? []).toString()).toBe(await bundleOf(db, 2))
    for (const name of server.objects.keys()) expect(name).not.toContain(runKeys[0]?.split('/')[0])
    const requests = server.requests.length
    expect(await copyPartition({ db, store }, whole)).toEqual({ copied: 0, trouble: null })
    expect(server.requests).toHaveLength(requests)
  })

  test('a store that is away keeps nothing from being sealed, and gets what it lacks later', async () => {
    await addLeaves(5)
    const store = bucket()
    server.trouble = 'away'
    const away = await copyPartition({ db, store }, whole)
    expect(away).toMatchObject({ copied: 0, trouble: expect.stringContaining('did not answer') })
    server.trouble = undefined
    expect(await copyPartition({ db, store }, whole)).toEqual({ copied: 5, trouble: null })
  })

  test('whoever dies after a copy was written, and before that is known, does not write it again', async () => {
    await addLeaves(1)
    const index = runKeys.length - 1
    const store = bucket()
    const dead = {
      ...store,
      put: async (name: string, bytes: Uint8Array) => {
        await store.put(name, bytes)
        throw new Error('killed')
      },
    }
    await expect(copyPartition({ db, store: dead }, whole)).rejects.toThrow('killed')
    // As of a later checkpoint it would be other bytes.
    await addLeaves(1)
    expect(await copyPartition({ db, store }, whole)).toEqual({ copied: 2, trouble: null })
    const read = readBundle((await readCopy({ db, store }, index)) ?? new Uint8Array())
    expect(read).toMatchObject({ ok: true, bundle: { log: { index } } })
  })

  test('what is under the name of a copy and is none is told of, and keeps no other from being copied', async () => {
    await addLeaves(2)
    const [first, second] = [runKeys.length - 2, runKeys.length - 1]
    const store = bucket()
    server.objects.set(`acme/runs/${nameOf(first)}`, Buffer.from(await bundleOf(db, second)))
    const came = await copyPartition({ db, store }, whole)
    expect(came).toMatchObject({ copied: 1, trouble: expect.stringContaining(`is not the bundle of leaf ${first}`) })
    server.objects.delete(`acme/runs/${nameOf(first)}`)
    expect(await copyPartition({ db, store }, whole)).toEqual({ copied: 1, trouble: null })
  })

  test('a copy that was altered or lost is not believed', async () => {
    const store = inFolder()
    await copyPartition({ db, store }, whole)
    expect(Buffer.from((await readCopy({ db, store }, 1)) ?? []).toString()).toBe(await bundleOf(db, 1))
    await writeFile(join(folder, 'archive', nameOf(1)), (await bundleOf(db, 1)).replace('refund', 'refunds'))
    await expect(readCopy({ db, store }, 1)).rejects.toThrow(
      new StoreError(`\`${nameOf(1)}\` in the store was altered since it was written`),
    )
    const { rm } = await import('node:fs/promises')
    await rm(join(folder, 'archive', nameOf(1)))
    await expect(readCopy({ db, store }, 1)).rejects.toThrow('is not in the store any more')
    expect(await readCopy({ db, store }, 99_999)).toBeUndefined()
  })
})
