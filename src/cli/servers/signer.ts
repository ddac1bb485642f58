import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { sealKeyId } from '../../audit/seal/dsse.ts'
import { type SealKey, KeyFileError, sealKeyFile } from '../../audit/seal/keys.ts'
import { isNoteName, SIGNATURE, verifierKey } from '../../audit/seal/note.ts'
import { Remembered } from '../../audit/seal/remembered.ts'
import { type Listening, serve, signerApp } from '../../audit/seal/signer-http.ts'
import { signerOf } from '../../audit/seal/signer.ts'
import { vaultSealKeys } from '../../audit/seal/vault-keys.ts'
import type { SignerOptions } from '../commands/audit-signer.ts'
import { CliError, UsageError } from '../errors.ts'
import { vaultPlace } from '../master-keys.ts'
import { Closing, listenForStop } from '../stopping.ts'
import { plain, say } from '../terminal.ts'
import { onlyOne } from './only-one.ts'

const CLOSE_MS = 10_000
type Keys = readonly [SealKey, ...SealKey[]]

/** Runs the signer until SIGTERM or SIGINT. */
export async function runSigner(options: SignerOptions): Promise<void> {
  const { origin, state } = options
  if (!isNoteName(origin)) {
    throw new UsageError(`\`${origin}\` cannot name a log`, 'Name it as a URL without scheme, without blanks and `+`.')
  }
  const where = listeningAt(options)
  const token = options.tokenFile === undefined ? undefined : tokenOf(options.tokenFile)
  const stopping = listenForStop('the signer closes')
  const closing = new Closing()
  try {
    const keys = keysOf(options)
    const now = await keys()
    closing.add(await onlyOne(state))
    const signer = signerOf({ origin, keys, remembered: await rememberedIn(state, origin) })
    const served = await serve(signerApp(signer, token), where).catch((cause: NodeJS.ErrnoException) => {
      const taken = `The signer cannot listen there (${cause.code ?? cause.message}).`
      throw new CliError('address_in_use', taken, 'Name another --socket or --address.', { cause })
    })
    closing.add(served.close)
    say(`ready  signer at ${served.at}, log ${plain(origin)}, key ${sealKeyId(now[0].publicKey)}`)
    for (const { publicKey } of now) say(`       ${plain(verifierKey({ name: origin, publicKey }, SIGNATURE.ed25519))}`)
    await stopping.asked
  } finally {
    await closing.closeWithin(CLOSE_MS)
  }
}

/** Reads the state of a signer or a witness. Fails with `config_invalid`. */
export async function rememberedIn(file: string, origin: string): Promise<Remembered> {
  return await Remembered.in(file, origin).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CliError(
      'config_invalid',
      `The state cannot be used: ${reason}.`,
      'Restore it: what was signed last must be known.',
      { cause: error },
    )
  })
}

function listeningAt({ socket, address, tokenFile }: SignerOptions): Listening {
  if ((socket === undefined) === (address === undefined)) {
    throw new UsageError('the signer listens at a socket or at an address', 'Give --socket or --address, one of them.')
  }
  if (socket !== undefined) return { socket }
  if (tokenFile === undefined) {
    throw new UsageError('whoever reaches an address could have anything signed', 'Give --token-file beside --address.')
  }
  if (address === undefined || !['127.0.0.1', '::1', 'localhost'].includes(address.host)) {
    throw new UsageError('the signer listens on this machine alone', 'Name 127.0.0.1, or a --socket.')
  }
  return address
}

/** Reads the token, which only its owner may read; makes one where there is no file. */
function tokenOf(file: string): string {
  if (!existsSync(file)) writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' })
  // His group may: that is how the sweep, under a user of its own, gets it.
  if ((statSync(file).mode & 0o007) !== 0) {
    throw new CliError('config_invalid', `Everybody can read the token file \`${file}\`.`, 'Make it 0600, or 0640.')
  }
  const token = readFileSync(file, 'utf8').trim()
  if (token.length >= 32) return token
  throw new CliError(
    'config_invalid',
    `The token in \`${file}\` is shorter than 32 characters.`,
    'Remove the file: a new one is made.',
  )
}

function keysOf({ keyFile = [], sealVaultKey, sealVaultMount, overlap }: SignerOptions): () => Promise<Keys> {
  if (keyFile.length > 0 && sealVaultKey !== undefined) {
    throw new UsageError('keys are named twice: files and a key of Vault', 'Leave out --key-file or --seal-vault-key.')
  }
  if (sealVaultKey !== undefined) {
    const settings = {
      ...vaultPlace(),
      key: sealVaultKey,
      ...(sealVaultMount !== undefined && { mount: sealVaultMount }),
    }
    // Asked anew each time: a rotation in Vault is in force at once.
    return () => vaultSealKeys(settings, overlap)
  }
  const [first, ...others] = keyFile.map(keyIn)
  if (first === undefined) {
    throw new UsageError(
      'the signer has no key',
      'Make one with `countersign audit new-key --out <file>`, and name it with --key-file.',
    )
  }
  return async () => [first, ...others]
}

/** Reads the key of a signer or a witness. Fails with `config_invalid`. */
export function keyIn(file: string): SealKey {
  try {
    return sealKeyFile(file)
  } catch (error) {
    if (!(error instanceof KeyFileError)) throw error
    throw new CliError(
      'config_invalid',
      `The key cannot be used: ${error.message}.`,
      'Make one with `countersign audit new-key --out <file>`.',
      { cause: error },
    )
  }
}
