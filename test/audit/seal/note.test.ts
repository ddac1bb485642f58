import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { checkpointText, cosign, cosignedAt, readCheckpoint } from '../../../src/audit/seal/checkpoint.ts'
import { isSealedBy, PAYLOAD_TYPE, preAuthentication, sealKeyId } from '../../../src/audit/seal/dsse.ts'
import { sealKeyFrom } from '../../../src/audit/seal/keys.ts'
import { EMPTY_ROOT } from '../../../src/audit/seal/merkle.ts'
import {
  isNoteName,
  isSignedBy,
  noteKeyId,
  noteKeyIn,
  noteText,
  readNote,
  SIGNATURE,
  signatureLine,
  verifierKey,
} from '../../../src/audit/seal/note.ts'

const newKey = () =>
  sealKeyFrom(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())

/** The example of golang.org/x/mod/sumdb/note, which C2SP's signed notes are made after. */
const NEUMANN = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const TEXT =
  'If you think cryptography is the answer to your problem,\nthen you don’t know what your problem is.\n'.replace(
    '’',
    "'",
  )
const NOTE = `${TEXT}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`

test('the published example of a note is signed by its published key', () => {
  const key = noteKeyIn(NEUMANN)
  const note = readNote(NOTE)
  if (key === undefined || note === undefined) throw new Error('they are not read')
  expect(isSignedBy(note, key)).toBe(true)
  expect(noteText(note)).toBe(NOTE)
  expect(verifierKey(key, SIGNATURE.ed25519)).toBe(NEUMANN)
  expect(isSignedBy({ ...note, text: note.text.replace('think', 'thank') }, key)).toBe(false)
  expect(isSignedBy(note, { ...key, name: 'Peter' })).toBe(false)
})

test.each([
  ['no empty line', NOTE.replace('\n\n', '\n')],
  ['no signature', TEXT],
  ['another dash', NOTE.replace('—', '-')],
  ['a byte order mark in front of a signature', NOTE.replace('— P', '—\ufeff P')],
  ['a control character', NOTE.replace('answer', 'ans\twer')],
  ['base64 in another form', NOTE.replace('JnAM=', 'JnAN=')],
  ['a last line without its end', NOTE.slice(0, -1)],
  ['half a character', NOTE.replace('answer', 'answer\ud800')],
  ['a name with a plus', NOTE.replace('— Peter', '— P+ter')],
])('a note with %s is none', (_what, note) => {
  expect(readNote(note)).toBeUndefined()
})

test('names have neither blanks nor plus', () => {
  expect(['acme.example/log', 'ä', ''].map(isNoteName)).toEqual([true, true, false])
  expect(['a b', 'a+b', 'a\nb', 'a\u00a0b', 'a\u2028b'].map(isNoteName)).toEqual([false, false, false, false, false])
})

const tree = { origin: 'acme.example/log', size: 7, root: EMPTY_ROOT }

test('a checkpoint is read as it is written, and in no other form', () => {
  const text = checkpointText(tree)
  const { publicKey } = newKey()
  const line = signatureLine({
    name: tree.origin,
    keyId: noteKeyId(tree.origin, SIGNATURE.ed25519, publicKey),
    signature: Buffer.alloc(64),
  })
  expect(readCheckpoint(`${text}\n${line}`)).toMatchObject(tree)
  for (const wrong of [
    text.replace('\n7\n', '\n07\n'),
    text.replace('\n7\n', '\n-7\n'),
    text.replace('\n7\n', '\n7.0\n'),
    text.replace('\n7\n', `\n${2 ** 53}\n`),
    `${text}extension\n`,
    text.replace(/=\n$/, '\n'),
    text.slice(text.indexOf('\n') + 1),
  ]) {
    expect(readCheckpoint(`${wrong}\n${line}`)).toBeUndefined()
  }
})

test('a witness says when it saw a checkpoint, and of no other one', async () => {
  const key = newKey()
  const text = checkpointText(tree)
  const at = new Date('2026-11-27T10:00:00Z')
  const signature = await cosign(text, { name: 'witness.example', ...key }, at)
  expect(cosignedAt(text, [signature], key.publicKey)).toEqual(at)
  expect(cosignedAt(text.replace('7', '8'), [signature], key.publicKey)).toBeUndefined()
  expect(cosignedAt(text, [signature], newKey().publicKey)).toBeUndefined()
  // Another time, or another name, is not what was signed.
  const later = Buffer.from(signature.signature)
  later.writeBigUInt64BE(BigInt(at.getTime() / 1_000) + 1n)
  expect(cosignedAt(text, [{ ...signature, signature: later }], key.publicKey)).toBeUndefined()
  expect(cosignedAt(text, [{ ...signature, name: 'other.example' }], key.publicKey)).toBeUndefined()
  // One right signature does not excuse a wrong one of the same key.
  expect(cosignedAt(text, [signature, { ...signature, signature: later }], key.publicKey)).toBeUndefined()
})

test('what is signed of an envelope is that of the example of DSSE', () => {
  const signed = preAuthentication('http://example.com/HelloWorld', Buffer.from('hello world'))
  expect(Buffer.from(signed).toString()).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world')
})

test('the key that is given decides, and not the id in the envelope', async () => {
  const [key, other] = [newKey(), newKey()]
  const payload = Buffer.from('{}')
  const sig = Buffer.from(await key.sign(preAuthentication(PAYLOAD_TYPE, payload))).toString('base64')
  const sealed = (keyid: string) =>
    ({ payload: payload.toString('base64'), payloadType: PAYLOAD_TYPE, signatures: [{ keyid, sig }] }) as const
  expect(isSealedBy(sealed(sealKeyId(key.publicKey)), key.publicKey)).toBe(true)
  expect(isSealedBy(sealed(sealKeyId(other.publicKey)), other.publicKey)).toBe(false)
  expect(isSealedBy(sealed(sealKeyId(other.publicKey)), key.publicKey)).toBe(false)
})
