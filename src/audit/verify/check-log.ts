import { checkpointIn, tilesIn, wrongInLog } from '../seal/log-folder.ts'
import { consistencyProof, isConsistent, sameHash } from '../seal/merkle.ts'
import { isSignedBy } from '../seal/note.ts'
import { subtreesOfTiles } from '../seal/tiles.ts'
import { cosignedAt } from '../seal/checkpoint.ts'
import type { AgainstLog } from './check-seal.ts'
import { failed, ok, skipped, type Verdict } from './verdict.ts'

const no = (why: string, ...where: readonly string[]): Verdict => failed('checkpoint', why, where)

/** Verifies an exported log against the checkpoint that the reader holds: nothing of it was dropped, rewritten or forked since. */
export async function checkLog(
  folder: string,
  { keys, pinned, witnessKeys }: Omit<AgainstLog, 'tiles'>,
): Promise<readonly Verdict[]> {
  const checkpoint = await checkpointIn(folder).catch(() => undefined)
  if (checkpoint === undefined) return [no('there is no checkpoint in it', 'checkpoint')]
  const { size, origin } = checkpoint
  const isOfLog = (one: typeof pinned): boolean =>
    keys.some((publicKey) => isSignedBy(one.note, { name: one.origin, publicKey }))
  if (!isOfLog(checkpoint)) return [no('the key that was given did not sign it', 'checkpoint')]
  if (!isOfLog(pinned)) return [no('the key that was given did not sign the checkpoint that was given', '--checkpoint')]
  if (origin !== pinned.origin) return [no(`it is of another log, \`${origin}\``, 'checkpoint')]
  const wrong = await wrongInLog(folder, checkpoint)
  const tree =
    wrong.length === 0
      ? ok('tree', `${size} leaves are those of the checkpoint`)
      : failed('tree', 'the files are not those of the checkpoint', wrong)
  const { text, signatures } = { text: checkpoint.note.text, signatures: checkpoint.note.signatures }
  const seen = witnessKeys.map((key) => cosignedAt(text, signatures, key))
  const witness =
    seen.length === 0
      ? skipped('witness', 'no key of a witness was given')
      : seen.includes(undefined)
        ? failed('witness', 'a witness did not sign the checkpoint', ['checkpoint'])
        : ok('witness', `seen by ${seen.length}`)
  if (size < pinned.size) {
    const lost = `leaves ${size} to ${pinned.size - 1}`
    return [
      tree,
      no(`it has ${size} leaves, and the checkpoint that was given has ${pinned.size}: it was cut`, lost),
      witness,
    ]
  }
  if (size === pinned.size && !sameHash(checkpoint.root, pinned.root)) {
    return [
      tree,
      no(`two trees of ${size} leaves: the log was forked, or rewritten`, 'checkpoint', '--checkpoint'),
      witness,
    ]
  }
  try {
    const proof = await consistencyProof(subtreesOfTiles(tilesIn(folder, size), size), pinned.size, size)
    const goesOn = isConsistent(pinned, checkpoint, proof)
    const relation = `${size} leaves go on from the ${pinned.size} of the checkpoint that was given`
    return [
      tree,
      goesOn
        ? ok('checkpoint', relation)
        : no(`no ${relation}: it was forked or rewritten`, 'checkpoint', '--checkpoint'),
      witness,
    ]
  } catch {
    return [
      tree,
      no('its files do not show that it goes on from the checkpoint that was given', ...wrong, 'checkpoint'),
      witness,
    ]
  }
}
