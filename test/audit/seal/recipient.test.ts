import { createSecretKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { newReaderKey, readerKeyOf, readerPrivateKeyOf, writtenFor } from '../../../src/audit/seal/recipient.ts'
import { type RunKeys, runKeysBy, runKeysFor } from '../../../src/audit/seal/run-keys.ts'
import { newSealKey } from './log-of.ts'

const dataKey = {
  keyId: 'k-1',
  namespace: 'default',
  workflowId: 'refund-7',
  key: createSecretKey(randomBytes(32)),
}
const given: RunKeys = { runKey: 'refund-7/1', keys: [dataKey] }

const asJwk = ({ privateKey, publicKey }: { readonly privateKey: KeyObject; readonly publicKey: KeyObject }) => ({
  privateKey: JSON.stringify(privateKey.export({ format: 'jwk' })),
  publicKey: JSON.stringify(publicKey.export({ format: 'jwk' })),
})

test.each([
  ['X25519, PEM', newReaderKey],
  ['EC, JWK', () => asJwk(generateKeyPairSync('ec', { namedCurve: 'P-256' }))],
  ['RSA, JWK', () => asJwk(generateKeyPairSync('rsa', { modulusLength: 2_048 }))],
])('the keys of a run are read by the one reader for whom they were written: %s', async (_kind, make) => {
  const [mine, other] = [make(), make()]
  const written = await runKeysFor(readerKeyOf(mine.publicKey), given)
  expect(Buffer.from(written, 'latin1').includes(dataKey.key.export().toString('base64'))).toBe(false)
  const read = await runKeysBy(readerPrivateKeyOf(mine.privateKey), written)
  expect([read.runKey, read.keys.map((one) => one.key.export())]).toEqual(['refund-7/1', [dataKey.key.export()]])
  await expect(runKeysBy(readerPrivateKeyOf(other.privateKey), written)).rejects.toThrow('decryption operation failed')
  for (const at of [written.length - 9, written.length >> 1]) {
    const altered = written.slice(0, at) + (written[at] === 'A' ? 'B' : 'A') + written.slice(at + 1)
    await expect(runKeysBy(readerPrivateKeyOf(mine.privateKey), altered)).rejects.toThrow('decryption operation failed')
  }
})

test('a key that is too weak, of another kind or private is none for a reader', () => {
  const pem = { type: 'spki', format: 'pem' } as const
  const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export(pem).toString()
  expect(() => readerKeyOf(weak)).toThrow('2048 bits')
  expect(() => readerKeyOf(newSealKey().publicKey.export(pem).toString())).toThrow('ed25519')
  expect(() => readerKeyOf(newReaderKey().privateKey)).toThrow('private key')
})

test('what is written for a reader and holds no keys of a run is none', async () => {
  const { publicKey, privateKey } = newReaderKey()
  const reader = readerPrivateKeyOf(privateKey)
  const wrong = { v: 1, kind: 'countersign.data-keys', runKey: 'x', keys: [{ ...dataKey, key: 'AAAA' }] }
  for (const text of ['hello', '{}', JSON.stringify(wrong)])
    await expect(runKeysBy(reader, await writtenFor(readerKeyOf(publicKey), 'r', text))).rejects.toThrow(
      'it holds no data keys',
    )
  await expect(runKeysBy(reader, 'hello')).rejects.toThrow('Invalid Compact JWE')
})
