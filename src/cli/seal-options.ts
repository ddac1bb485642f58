import { type Command, Option } from 'commander'
import { readFileSync } from 'node:fs'
import type { KeyObject } from 'node:crypto'
import type { NotedCheckpoint } from '../audit/seal/checkpoint.ts'
import type { AskedWitness } from '../audit/seal/publish.ts'
import type { RemoteSigner } from '../audit/seal/signer-http.ts'
import { CliError, UsageError } from './errors.ts'
import { collected } from './options.ts'

/** How commands reach the signer, and the witnesses. */
export interface SigningOptions {
  readonly signer?: string
  readonly signerTokenFile?: string
  readonly witness?: readonly string[]
  readonly witnessKey?: readonly string[]
}

export const withSigning = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--signer <url>',
        'where `countersign audit signer` is, such as http://127.0.0.1:9466 or unix:/run/signer.sock',
      ).env('COUNTERSIGN_SIGNER'),
    )
    .addOption(
      new Option('--signer-token-file <file>', 'the token of the signer, where it wants one').env(
        'COUNTERSIGN_SIGNER_TOKEN_FILE',
      ),
    )
    .option('--witness <url>', 'a witness that signs what the signer signed; may be repeated', collected)
    .option('--witness-key <file>', 'the public key of the witness, in the same order', collected)

/** Reads a public key. Fails as a usage error on what is none. */
async function publicKeyIn(file: string): Promise<KeyObject> {
  const { sealKeyOf } = await import('../audit/seal/dsse.ts')
  try {
    return sealKeyOf(readFileSync(file, 'utf8'))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new UsageError(
      `\`${file}\` holds no public key: ${reason}`,
      'Name a PEM file of an Ed25519 key, as `countersign audit new-key` writes beside the private one.',
    )
  }
}

export const publicKeysIn = (files: readonly string[]): Promise<readonly KeyObject[]> =>
  Promise.all(files.map(publicKeyIn))

/** Reads a checkpoint. Fails as a usage error on what is none. */
export async function checkpointFrom(file: string): Promise<NotedCheckpoint> {
  const { readCheckpoint } = await import('../audit/seal/checkpoint.ts')
  const help = 'Name a file that `countersign audit checkpoint` or a witness wrote.'
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`\`${file}\` cannot be read: ${error instanceof Error ? error.message : String(error)}`, help)
  }
  const checkpoint = readCheckpoint(text)
  if (checkpoint === undefined) throw new UsageError(`\`${file}\` is no checkpoint`, help)
  return checkpoint
}

/** Reads the token of a file; without a file there is none. */
function tokenIn(file: string | undefined): string | undefined {
  if (file === undefined || file === '') return undefined
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CliError(
      'config_invalid',
      `The token file \`${file}\` cannot be read: ${reason}`,
      'Name that of the signer.',
    )
  }
}

/** Asks the signer whose log it signs for, and lets go of it after the work. Fails with `config_invalid`, or `signer_unreachable`. */
export async function withSigner<T>(
  { signer: url, signerTokenFile, witness = [], witnessKey = [] }: SigningOptions,
  work: (signing: { readonly signer: RemoteSigner; readonly witnesses: readonly AskedWitness[] }) => Promise<T>,
): Promise<T> {
  if (url === undefined || url === '') {
    throw new CliError(
      'config_invalid',
      'There is no signer.',
      'Start `countersign audit signer`, and name it with --signer or COUNTERSIGN_SIGNER.',
    )
  }
  if (witness.length !== witnessKey.length) {
    throw new UsageError('each `--witness` needs its `--witness-key`', 'Name both as often, in the same order.')
  }
  const keys = await publicKeysIn(witnessKey)
  const witnesses = keys.map((publicKey, at) => ({ url: witness[at] ?? '', publicKey }))
  const { signerAt, SignerError } = await import('../audit/seal/signer-http.ts')
  const token = tokenIn(signerTokenFile)
  try {
    const signer = await signerAt({ url, token })
    try {
      return await work({ signer, witnesses })
    } finally {
      await signer.close()
    }
  } catch (error) {
    if (!(error instanceof SignerError)) throw error
    throw new CliError(
      'signer_unreachable',
      `${error.message}.`,
      'See whether `countersign audit signer` runs, and with which token.',
      { cause: error },
    )
  }
}
