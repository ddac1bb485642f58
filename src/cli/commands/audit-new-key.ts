import type { Command } from 'commander'
import { type JsonOption, filled, withJson } from '../options.ts'
import { out, outJson } from '../terminal.ts'

interface Options extends JsonOption {
  readonly out: string
  readonly forReading?: boolean
}

/** `countersign audit new-key`: for a signer or a witness; or for an auditor, to whom the keys of a run are given. */
export function define(audit: Command): void {
  withJson(audit.command('new-key').description('make a key for the signer, for a witness, or for whoever may read'))
    .requiredOption(
      '--out <file>',
      'where the private key is written, for you alone to read; the public one beside it, `.pub`',
      filled,
    )
    .option('--for-reading', 'a key to read with what is encrypted (X25519), in place of one to sign with (Ed25519)')
    .option('--verbose', 'show where an error comes from')
    .action(run)
}

async function run({ out: file, json, forReading = false }: Options): Promise<void> {
  const [{ sealKeyId }, { writeKey }, { writeFile }, { createPublicKey }] = await Promise.all([
    import('../../audit/seal/dsse.ts'),
    import('../gateway-key.ts'),
    import('node:fs/promises'),
    import('node:crypto'),
  ])
  const { privateKey, publicKey } = forReading ? await newReader() : await newSigner()
  await writeKey(file, privateKey)
  await writeFile(`${file}.pub`, publicKey)
  const keyId = sealKeyId(createPublicKey(publicKey))
  if (json) {
    outJson({ keyId, file, publicFile: `${file}.pub` })
    return
  }
  out(`key  ${keyId}`)
  out(`file  ${file}`)
  out(`public  ${file}.pub`)
}

interface Pair {
  readonly privateKey: string
  readonly publicKey: string
}

const newReader = async (): Promise<Pair> => (await import('../../audit/seal/recipient.ts')).newReaderKey()

async function newSigner(): Promise<Pair> {
  const { hostKeyOf, newHostKey } = await import('../../identity/host-key.ts')
  const privateKey = newHostKey()
  return { privateKey, publicKey: hostKeyOf(privateKey).publicKey }
}
