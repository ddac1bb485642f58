import type { Command } from 'commander'
import { type JsonOption, filled, withJson } from '../options.ts'
import { out, outJson } from '../terminal.ts'

interface Options extends JsonOption {
  readonly out: string
}

/** `countersign audit new-key`: for a signer or a witness. */
export function define(audit: Command): void {
  withJson(audit.command('new-key').description('make a key for the signer or for a witness'))
    .requiredOption(
      '--out <file>',
      'where the private key is written, for you alone to read; the public one beside it, `.pub`',
      filled,
    )
    .option('--verbose', 'show where an error comes from')
    .action(run)
}

async function run({ out: file, json }: Options): Promise<void> {
  const [{ newHostKey }, { sealKeyFrom }, { sealKeyId }, { writeKey }, { writeFile }] = await Promise.all([
    import('../../identity/host-key.ts'),
    import('../../audit/seal/keys.ts'),
    import('../../audit/seal/dsse.ts'),
    import('../gateway-key.ts'),
    import('node:fs/promises'),
  ])
  const pem = newHostKey()
  const { publicKey } = sealKeyFrom(pem)
  await writeKey(file, pem)
  await writeFile(`${file}.pub`, publicKey.export({ type: 'spki', format: 'pem' }))
  const keyId = sealKeyId(publicKey)
  if (json) {
    outJson({ keyId, file, publicFile: `${file}.pub` })
    return
  }
  out(`key  ${keyId}`)
  out(`file  ${file}`)
  out(`public  ${file}.pub`)
}
