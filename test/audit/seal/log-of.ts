import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleText, logLeaf, type SealedBundle, type SealedRun } from '../../../src/audit/seal/bundle.ts'
import { checkpointText, cosign, type NotedCheckpoint, readCheckpoint } from '../../../src/audit/seal/checkpoint.ts'
import { type SealKey, sealKeyFrom } from '../../../src/audit/seal/keys.ts'
import { consistencyProof, type Hash, inclusionProof, rootOf, subtreesOf } from '../../../src/audit/seal/merkle.ts'
import { noteKeyId, noteText, SIGNATURE, signatureLine } from '../../../src/audit/seal/note.ts'
import { Remembered } from '../../../src/audit/seal/remembered.ts'
import { type Signer, signerOf } from '../../../src/audit/seal/signer.ts'
import type { Against } from '../../../src/audit/verify/verify.ts'

export const ORIGIN = 'acme.example/countersign'
export const WITNESS = 'witness.auditor.example'

export const newSealKey = (): SealKey =>
  sealKeyFrom(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())

/** A folder of its own. */
export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'countersign-seal-'))

export const signerWith = async (key: SealKey, ...others: readonly SealKey[]): Promise<Signer> =>
  signerOf({
    origin: ORIGIN,
    keys: async () => [key, ...others],
    remembered: await Remembered.in(join(newFolder(), 'signer'), ORIGIN),
  })

const base64 = (hashes: readonly Hash[]): readonly string[] =>
  hashes.map((hash) => Buffer.from(hash).toString('base64'))

/** A log in memory: whoever has the key can make any log of it, as somebody would who forges one. */
export class LogOf {
  readonly leaves: readonly Hash[]
  readonly key: SealKey

  constructor(leaves: readonly Hash[], key: SealKey) {
    this.leaves = leaves
    this.key = key
  }

  static of(runs: readonly SealedRun[], key: SealKey): LogOf {
    return new LogOf(
      runs.map(({ envelope }) => logLeaf(envelope)),
      key,
    )
  }

  async note(size = this.leaves.length): Promise<string> {
    const text = checkpointText({ origin: ORIGIN, size, root: await rootOf(subtreesOf(this.leaves), size) })
    const keyId = noteKeyId(ORIGIN, SIGNATURE.ed25519, this.key.publicKey)
    return noteText({ text, signatures: [{ name: ORIGIN, keyId, signature: await this.key.sign(Buffer.from(text)) }] })
  }

  async checkpoint(size = this.leaves.length): Promise<NotedCheckpoint> {
    const read = readCheckpoint(await this.note(size))
    if (read === undefined) throw new Error('the checkpoint is none')
    return read
  }

  /** The bundle of a leaf, as of the newest checkpoint, which a witness saw; `pinned`: what the reader holds. */
  async bundle(run: SealedRun, index: number, witness: SealKey, pinned = this.leaves.length): Promise<SealedBundle> {
    const subtrees = subtreesOf(this.leaves)
    const size = this.leaves.length
    const note = await this.note()
    const { text } = readCheckpoint(note)?.note ?? { text: '' }
    const signature = await cosign(text, { name: WITNESS, ...witness }, new Date('2026-11-27T12:00:00Z'))
    const consistency =
      pinned === size ? null : { from: pinned, to: size, proof: base64(await consistencyProof(subtrees, pinned, size)) }
    const proof = base64(await inclusionProof(subtrees, index, size))
    return { ...run, log: { index, proof, checkpoint: note, cosignatures: [signatureLine(signature)], consistency } }
  }
}

export const bytesOf = (bundle: SealedBundle): Buffer => Buffer.from(bundleText(bundle))

/** What an auditor has. */
export const against = (
  key: SealKey,
  witness: SealKey,
  pinned: NotedCheckpoint,
): Pick<Against, 'keys' | 'witnessKeys' | 'pinned'> => ({
  keys: [key.publicKey],
  witnessKeys: [witness.publicKey],
  pinned,
})
