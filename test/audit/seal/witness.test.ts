import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { checkpointText, cosignedAt, readCheckpoint } from '../../../src/audit/seal/checkpoint.ts'
import { sealKeyFile } from '../../../src/audit/seal/keys.ts'
import { consistencyProof, leafHash, rootOf, subtreesOf } from '../../../src/audit/seal/merkle.ts'
import { isSignedBy, noteText, signaturesIn } from '../../../src/audit/seal/note.ts'
import { Remembered, StepError } from '../../../src/audit/seal/remembered.ts'
import {
  type Served,
  serve,
  signerApp,
  signerAt,
  SignerError,
  witnessApp,
} from '../../../src/audit/seal/signer-http.ts'
import { addCheckpoint, requestOf } from '../../../src/audit/seal/witness.ts'
import { newHostKey } from '../../../src/identity/host-key.ts'
import { LogOf, newFolder, newSealKey, ORIGIN, signerWith, WITNESS } from './log-of.ts'

const leaves = Array.from({ length: 20 }, (_, at) => leafHash(Buffer.from(`run ${at}`)))
const key = newSealKey()
const log = new LogOf(leaves, key)
const proofFrom = (old: number, size: number, of = leaves) => consistencyProof(subtreesOf(of), old, size)

const served: Served[] = []
afterEach(async () => {
  for (const one of served.splice(0)) await one.close()
})

async function witness(folder = newFolder()) {
  const own = newSealKey()
  const remembered = await Remembered.in(join(folder, 'seen'), ORIGIN)
  return { name: WITNESS, key: own, logKeys: [{ name: ORIGIN, publicKey: key.publicKey }], remembered }
}

describe('a witness', () => {
  test('signs what goes on from what it saw last, and says when', async () => {
    const one = await witness()
    for (const [old, size] of [
      [0, 3],
      [3, 3],
      [3, 9],
      [9, 20],
    ] as const) {
      const note = await log.note(size)
      const { status, body } = await addCheckpoint(one, requestOf(old, await proofFrom(old, size), note))
      expect([old, size, status]).toEqual([old, size, 200])
      const text = readCheckpoint(note)?.note.text ?? ''
      expect(cosignedAt(text, signaturesIn(body) ?? [], one.key.publicKey)).toBeInstanceOf(Date)
    }
    expect(one.remembered.last.size).toBe(20)
  })

  test('signs no fork and no rewritten log, however well it is signed, and forgets nothing over a restart', async () => {
    const folder = newFolder()
    const one = await witness(folder)
    expect((await addCheckpoint(one, requestOf(0, [], await log.note(9)))).status).toBe(200)
    const other = leaves.with(4, leafHash(Buffer.from('rewritten')))
    const fork = new LogOf(other, key)
    const again = { ...one, remembered: await Remembered.in(join(folder, 'seen'), ORIGIN) }
    for (const witnessed of [one, again]) {
      expect(
        (await addCheckpoint(witnessed, requestOf(9, await proofFrom(9, 20, other), await fork.note(20)))).status,
      ).toBe(422)
      expect((await addCheckpoint(witnessed, requestOf(9, [], await fork.note(9)))).status).toBe(409)
      expect(await addCheckpoint(witnessed, requestOf(3, await proofFrom(3, 20), await log.note(20)))).toEqual({
        status: 409,
        body: '9\n',
        isSize: true,
      })
      expect((await addCheckpoint(witnessed, requestOf(9, [], await log.note(3)))).status).toBe(400)
      expect(witnessed.remembered.last.size).toBe(9)
    }
  })

  test('answers what C2SP says to strangers, other logs and other texts', async () => {
    const one = await witness()
    const stranger = new LogOf(leaves, newSealKey())
    expect((await addCheckpoint(one, requestOf(0, [], await stranger.note(3)))).status).toBe(403)
    const note = await log.note(3)
    expect((await addCheckpoint(one, requestOf(0, [], note.replaceAll(ORIGIN, 'other.example')))).status).toBe(404)
    for (const body of [
      '',
      note,
      requestOf(0, [], note).slice(0, -1),
      `old 0\nnot a hash\n\n${note}`,
      `old 00\n\n${note}`,
    ]) {
      expect((await addCheckpoint(one, body)).status).toBe(400)
    }
    expect(one.remembered.last.size).toBe(0)
  })

  test('that is asked twice at once goes one way', async () => {
    const one = await witness()
    const fork = new LogOf(leaves.with(0, leafHash(Buffer.from('x'))), key)
    const both = [await log.note(5), await fork.note(5)].map((note) => addCheckpoint(one, requestOf(0, [], note)))
    expect((await Promise.all(both)).map(({ status }) => String(status)).toSorted()).toEqual(['200', '409'])
  })

  test('is asked over HTTP as C2SP has it', async () => {
    const one = await witness()
    const at = await serve(witnessApp(one), { host: '127.0.0.1', port: 0 })
    served.push(at)
    const post = async (body: string) => await fetch(`http://${at.at}/add-checkpoint`, { method: 'POST', body })
    expect((await post(requestOf(0, [], await log.note(5)))).status).toBe(200)
    const behind = await post(requestOf(0, [], await log.note(9)))
    expect([behind.status, behind.headers.get('content-type'), await behind.text()]).toEqual([
      409,
      'text/x.tlog.size',
      '5\n',
    ])
  })
})

const step = async (old: number, size: number, of = leaves) => ({
  old,
  proof: await proofFrom(old, size, of),
  now: { origin: ORIGIN, size, root: await rootOf(subtreesOf(of), size) },
})

describe('a signer', () => {
  test('signs a log that goes on, and neither a fork nor a shorter one', async () => {
    const signer = await signerWith(key)
    const note = await signer.checkpoint(await step(0, 9))
    expect(note).toBe(await log.note(9))
    // A crash between the signature and its row: it is asked again.
    expect(await signer.checkpoint(await step(9, 9))).toBe(note)
    const other = leaves.with(2, leafHash(Buffer.from('x')))
    await expect(signer.checkpoint(await step(9, 20, other))).rejects.toMatchObject({ why: 'forked' })
    await expect(signer.checkpoint(await step(3, 5))).rejects.toMatchObject({ why: 'behind', seen: 9 })
    await expect(
      signer.checkpoint({ ...(await step(9, 20)), now: { ...(await step(9, 20)).now, origin: 'x' } }),
    ).rejects.toMatchObject({ why: 'unknown' })
    expect(await signer.checkpoint(await step(9, 20))).toBe(await log.note(20))
  })

  test('seals records, and nothing else that somebody brings', async () => {
    const signer = await signerWith(key)
    for (const payload of [
      '',
      '{}',
      checkpointText({ origin: ORIGIN, size: 1, root: new Uint8Array(32) }),
      '{"_type":"https://in-toto.io/Statement/v1"}',
    ]) {
      await expect(signer.seal(Buffer.from(payload))).rejects.toThrow(TypeError)
    }
  })

  test('of which the key is rotated signs with both while they overlap, and goes on with the new one', async () => {
    const [old, fresh] = [newSealKey(), newSealKey()]
    const signer = await signerWith(fresh, old)
    const note = readCheckpoint(await signer.checkpoint(await step(0, 9)))?.note
    if (note === undefined) throw new Error('it is no checkpoint')
    for (const { publicKey } of [old, fresh]) expect(isSignedBy(note, { name: ORIGIN, publicKey })).toBe(true)
    expect(isSignedBy(note, { name: ORIGIN, publicKey: newSealKey().publicKey })).toBe(false)
    expect(noteText(note)).toContain(ORIGIN)
  })

  test.each(['socket', 'address'] as const)('is asked at a %s, by whoever has its token', async (kind) => {
    const signer = await signerWith(key)
    const socket = join(newFolder(), 'signer.sock')
    const token = 'a token of 32 characters or more'
    const at = await serve(signerApp(signer, token), kind === 'socket' ? { socket } : { host: '127.0.0.1', port: 0 })
    served.push(at)
    const url = kind === 'socket' ? `unix:${socket}` : `http://${at.at}`
    const client = await signerAt({ url, token })
    expect(client.origin).toBe(ORIGIN)
    expect(await client.checkpoint(await step(0, 9))).toBe(await log.note(9))
    await expect(client.checkpoint(await step(3, 20))).rejects.toBeInstanceOf(StepError)
    await expect(client.seal(Buffer.from('{}'))).rejects.toThrow(/refused: the payload is no seal/)
    await client.close()
    await expect(signerAt({ url, token: 'another one' })).rejects.toThrow(/refused: the token is missing or wrong/)
    await expect(signerAt({ url })).rejects.toBeInstanceOf(SignerError)
    const mode = kind === 'socket' ? statSync(socket).mode : 0
    expect(mode & 0o007).toBe(0)
  })

  test('that does not answer is said to be so', async () => {
    await expect(signerAt({ url: `unix:${join(newFolder(), 'none.sock')}` })).rejects.toThrow(/did not answer: ENOENT/)
  })

  test('takes over the socket of one that was killed, and none of one that lives', async () => {
    const socket = join(newFolder(), 'signer.sock')
    const signer = await signerWith(key)
    writeFileSync(socket, '')
    served.push(await serve(signerApp(signer, undefined), { socket }))
    await expect(serve(signerApp(signer, undefined), { socket })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})

describe('what was signed last', () => {
  test('is on disk before a signature leaves', async () => {
    const file = join(newFolder(), 'state')
    const remembered = await Remembered.in(file, ORIGIN)
    const one = await step(0, 9)
    const seen = await remembered.goOn(one, async () => readFileSync(file, 'utf8'))
    expect(seen).toBe(checkpointText(one.now))
    expect(statSync(file).mode & 0o077).toBe(0)
  })

  test.each([
    ['of another log', checkpointText({ origin: 'other', size: 1, root: new Uint8Array(32) })],
    ['cut', `${ORIGIN}\n9\n`],
    ['empty', ''],
  ])('that is %s stops whoever relies on it', async (_what, text) => {
    const file = join(newFolder(), 'state')
    writeFileSync(file, text)
    await expect(Remembered.in(file, ORIGIN)).rejects.toThrow(TypeError)
  })
})

test('a key that others can read is not used', () => {
  const file = join(newFolder(), 'key.pem')
  writeFileSync(file, newHostKey(), { mode: 0o600 })
  expect(sealKeyFile(file).publicKey.asymmetricKeyType).toBe('ed25519')
  const open = join(newFolder(), 'open.pem')
  mkdirSync(newFolder(), { recursive: true })
  writeFileSync(open, newHostKey(), { mode: 0o644 })
  expect(() => sealKeyFile(open)).toThrow(/others than its owner can read/)
  expect(() => sealKeyFile(`${open}.none`)).toThrow(/cannot be used/)
})
