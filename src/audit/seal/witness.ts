import { cosign, readCheckpoint } from './checkpoint.ts'
import type { SealKey } from './keys.ts'
import { bytesIn, isSignedBy, type NoteKey, signatureLine } from './note.ts'
import { type Remembered, StepError } from './remembered.ts'

/** What a witness is asked and answers (c2sp.org/tlog-witness). */
export interface Answer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422
  readonly body: string
  /** Of a 409: the body is the size that was seen last. */
  readonly isSize?: true
}

/** A second pair of eyes: it signs what goes on from what it saw last, and nothing else. */
export interface Witness {
  readonly name: string
  readonly key: SealKey
  /** The keys of the log: any of them, so that one can be rotated. */
  readonly logKeys: readonly NoteKey[]
  readonly remembered: Remembered
  readonly now?: () => Date
}

const no = (status: Answer['status'], why: string): Answer => ({ status, body: `${why}\n` })

/** Answers `POST add-checkpoint`. */
export async function addCheckpoint(
  { name, key, logKeys, remembered, now = () => new Date() }: Witness,
  body: string,
): Promise<Answer> {
  const read = readRequest(body)
  if (read === undefined) return no(400, 'the body is not `old <size>`, a proof, an empty line and a checkpoint')
  const { old, proof, checkpoint } = read
  if (!logKeys.some((one) => one.name === checkpoint.origin)) return no(404, 'this log is not witnessed here')
  if (!logKeys.some((one) => one.name === checkpoint.origin && isSignedBy(checkpoint.note, one))) {
    return no(403, 'the log did not sign this')
  }
  if (old > checkpoint.size) return no(400, 'the old size is above that of the checkpoint')
  try {
    const { text } = checkpoint.note
    return await remembered.goOn({ old, proof, now: checkpoint }, async () => ({
      status: 200,
      body: signatureLine(await cosign(text, { name, ...key }, now())),
    }))
  } catch (error) {
    if (!(error instanceof StepError)) throw error
    if (error.why === 'behind') return { status: 409, body: `${error.seen}\n`, isSize: true }
    // Of the same size with another root, or with a proof that does not hold.
    return error.seen === checkpoint.size
      ? { status: 409, body: `${error.seen}\n`, isSize: true }
      : no(422, error.message)
  }
}

/** The longest path of any tree. */
const MOST_HASHES = 63

function readRequest(body: string) {
  const at = body.indexOf('\n\n')
  if (at === -1) return undefined
  const [first = '', ...lines] = body.slice(0, at).split('\n')
  const old = /^old (0|[1-9]\d{0,15})$/.exec(first)?.[1]
  const proof = lines.map(bytesIn)
  const checkpoint = readCheckpoint(body.slice(at + 2))
  if (old === undefined || checkpoint === undefined || lines.length > MOST_HASHES) return undefined
  if (proof.some((hash) => hash?.length !== 32)) return undefined
  return { old: Number(old), proof: proof as readonly Buffer[], checkpoint }
}

/** The body of `POST add-checkpoint`. */
export const requestOf = (old: number, proof: readonly Uint8Array[], note: string): string =>
  `old ${old}\n${proof.map((hash) => `${Buffer.from(hash).toString('base64')}\n`).join('')}\n${note}`
