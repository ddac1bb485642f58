import type { LedgerDatabase } from '../../ledger/database.ts'
import { cosignedAt, readCheckpoint } from './checkpoint.ts'
import {
  latestCheckpoint,
  LogError,
  logSize,
  logSubtrees,
  type StoredCheckpoint,
  storeCheckpoint,
  storeCosignature,
  treeOf,
} from './log.ts'
import { consistencyProof, sameHash } from './merkle.ts'
import { signatureLine, signaturesIn } from './note.ts'
import { StepError } from './remembered.ts'
import type { Signer } from './signer.ts'
import { requestOf } from './witness.ts'
import type { KeyObject } from 'node:crypto'

/** A witness that is asked for its signature. */
export interface AskedWitness {
  /** Where it is, such as `https://witness.example`: `/add-checkpoint` is added. */
  readonly url: string
  readonly publicKey: KeyObject
}

/** What came of having the log signed. */
export interface Published {
  /** `undefined`: the log is empty. */
  readonly checkpoint: StoredCheckpoint | undefined
  /** Witnesses that did not sign, with why. */
  readonly refused: readonly { readonly url: string; readonly why: string }[]
}

/**
 * Has the signer sign the log as it is, and witnesses after it. What is signed already is not signed again, so that it can be tried as
 * often as one likes, and a crash between any two steps leaves nothing that the next try does not finish. A witness that is away keeps nothing
 * from going on. Throws `LogError` where the signer has signed more than there is: somebody cut the log, or restored an old copy of it.
 */
export async function publish({
  db,
  signer,
  witnesses,
}: {
  db: LedgerDatabase
  signer: Signer
  witnesses: readonly AskedWitness[]
}): Promise<Published> {
  const size = await logSize(db)
  if (size === 0) return { checkpoint: undefined, refused: [] }
  const latest = await latestCheckpoint(db)
  const checkpoint =
    latest?.size === size && latest.origin === signer.origin
      ? latest
      : await signed(db, signer, size, latest?.size ?? 0)
  const refused: { url: string; why: string }[] = []
  for (const witness of witnesses) {
    const why = await witnessed(db, checkpoint, witness).catch((error: unknown) =>
      error instanceof Error ? error.message : String(error),
    )
    if (why !== undefined) refused.push({ url: witness.url, why })
  }
  return { checkpoint: await latestCheckpoint(db, size), refused }
}

async function signed(db: LedgerDatabase, signer: Signer, size: number, last: number): Promise<StoredCheckpoint> {
  const tree = await treeOf(db, size)
  const step = async (old: number) => ({
    old,
    proof: await consistencyProof(logSubtrees(db, size), old, size),
    now: { origin: signer.origin, ...tree },
  })
  const note = await signer.checkpoint(await step(last)).catch(async (error: unknown) => {
    if (!(error instanceof StepError) || error.why !== 'behind') throw error
    if (error.seen > size) {
      throw new LogError(
        `the signer has signed ${error.seen} leaves, and the log has ${size}: it was cut, or is an old copy`,
      )
    }
    return await signer.checkpoint(await step(error.seen))
  })
  const checkpoint = readCheckpoint(note)
  if (checkpoint?.size !== size || !sameHash(checkpoint.root, tree.root)) {
    throw new LogError('the signer answered with another checkpoint than it was asked for')
  }
  const id = await storeCheckpoint(db, tree, note)
  return { ...checkpoint, id, text: note, cosignatures: [] }
}

const WITNESS_MS = 10_000

/** `undefined`: it signed, now or before. */
async function witnessed(
  db: LedgerDatabase,
  { id, size, text, note, cosignatures }: StoredCheckpoint,
  { url, publicKey }: AskedWitness,
): Promise<string | undefined> {
  const have = cosignatures.flatMap((line) => signaturesIn(line) ?? [])
  if (cosignedAt(note.text, have, publicKey) !== undefined) return undefined
  let answer = await ask(url, requestOf(size, [], text))
  if (answer.status === 409) {
    const old = Number(answer.body)
    if (!Number.isSafeInteger(old) || old > size)
      return `it has seen ${answer.body.trim()} leaves, and the log has ${size}`
    if (old === size) return 'it has seen another tree of this size: the log was forked'
    answer = await ask(url, requestOf(old, await consistencyProof(logSubtrees(db, size), old, size), text))
  }
  if (answer.status !== 200) return `it answered ${answer.status}: ${answer.body.trim().slice(0, 200)}`
  const lines = signaturesIn(answer.body) ?? []
  if (cosignedAt(note.text, lines, publicKey) === undefined) return 'it answered with no signature of its key'
  for (const line of lines) {
    if (cosignedAt(note.text, [line], publicKey) !== undefined) await storeCosignature(db, id, signatureLine(line))
  }
  return undefined
}

async function ask(url: string, body: string): Promise<{ readonly status: number; readonly body: string }> {
  const response = await fetch(`${url.replace(/\/$/, '')}/add-checkpoint`, {
    method: 'POST',
    body,
    redirect: 'error',
    signal: AbortSignal.timeout(WITNESS_MS),
  })
  return { status: response.status, body: (await response.text()).slice(0, 100_000) }
}
