import { isNoteName, SIGNATURE, verifierKey } from '../../audit/seal/note.ts'
import { serve, witnessApp } from '../../audit/seal/signer-http.ts'
import type { WitnessOptions } from '../commands/audit-witness.ts'
import { CliError, UsageError } from '../errors.ts'
import { publicKeysIn } from '../seal-options.ts'
import { Closing, listenForStop } from '../stopping.ts'
import { plain, say } from '../terminal.ts'
import { onlyOne } from './only-one.ts'
import { keyIn, rememberedIn } from './signer.ts'

const CLOSE_MS = 10_000

/** Runs a witness until SIGTERM or SIGINT. */
export async function runWitness({ name, origin, logKey, state, keyFile, address }: WitnessOptions): Promise<void> {
  if (!isNoteName(name)) {
    throw new UsageError(
      `\`${name}\` cannot name a witness`,
      'Name it as a URL without scheme, without blanks and `+`.',
    )
  }
  const stopping = listenForStop('the witness closes')
  const closing = new Closing()
  try {
    const logKeys = (await publicKeysIn(logKey)).map((publicKey) => ({ name: origin, publicKey }))
    const key = keyIn(keyFile)
    closing.add(await onlyOne(state))
    const witness = { name, key, logKeys, remembered: await rememberedIn(state, origin) }
    const served = await serve(witnessApp(witness), address).catch((cause: NodeJS.ErrnoException) => {
      const taken = `The witness cannot listen at ${address.host}:${address.port} (${cause.code ?? cause.message}).`
      throw new CliError('address_in_use', taken, 'Name another address with `--address`.', { cause })
    })
    closing.add(served.close)
    say(`ready  witness at http://${served.at}, log ${plain(origin)}, last seen ${witness.remembered.last.size} leaves`)
    say(`       ${plain(verifierKey({ name, publicKey: key.publicKey }, SIGNATURE.cosignature))}`)
    await stopping.asked
  } finally {
    await closing.closeWithin(CLOSE_MS)
  }
}
