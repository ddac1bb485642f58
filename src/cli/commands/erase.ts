import type { Command } from 'commander'
import type { Certificate } from '../../privacy/certificates.ts'
import { dataKeysOf } from '../data-keys-of.ts'
import { printRefusal, UsageError } from '../errors.ts'
import { EXIT } from '../exit.ts'
import { jsonObject } from '../json-object.ts'
import { type MasterKeysOptions, withMasterKeys } from '../master-keys.ts'
import { BY, notProved, whoIsHere } from '../not-proved.ts'
import { type CommonOptions, filled, type JsonOption, withCommon, withJson } from '../options.ts'
import { out, outJson, plain, say } from '../terminal.ts'
import { withSession } from '../session.ts'
import { withLedger } from '../with-ledger.ts'

interface Options extends CommonOptions, MasterKeysOptions {
  readonly subject?: string
  readonly reason?: string
  readonly by?: string
  readonly out?: string
}

/** `countersign erase`: prints the certificate; exit code 3 where a hold refuses it, or nobody knows the name. */
export function define(command: Command): void {
  withMasterKeys(withCommon(command))
    .option('--subject <name>', 'who is to be forgotten, as tools name him, such as a customer id', filled)
    .option('--reason <text>', 'why; it stands on the record and on the certificate', filled)
    .option('--by <subject>', BY, filled)
    .option('--out <file>', 'write the certificate there, and not to stdout', filled)
    .action(run)
  withJson(
    withCommon(
      command.command('verify').description('whether a certificate is genuine, and what it lists still unreadable'),
    ),
  )
    .argument('<file>', 'a certificate of erasure or of retention')
    .action(verify)
}

async function run({ subject, reason, by, out: file, ...options }: Options): Promise<void> {
  if (subject === undefined || reason === undefined) {
    throw new UsageError('say who is to be forgotten, and why', 'Add `--subject <name> --reason <text>`.')
  }
  await withLedger(options, async (db) => {
    await withSession(options, async ({ temporal, place }) => {
      const [{ erase }, { standingIn }, { findHostKey }, { storeKey }] = await Promise.all([
        import('../../privacy/erase.ts'),
        import('../../privacy/standing.ts'),
        import('../host.ts'),
        import('../../ledger/keys.ts'),
      ])
      const keys = await dataKeysOf(db, options)
      const { key } = findHostKey(options.stateDir)
      await storeKey(db, key.keyId, key.publicKey)
      const parts = { db, keys, key, standingOf: standingIn(temporal, place.namespace) }
      const erased = await erase(parts, { subject, reason, by: notProved(by ?? whoIsHere()) })
      if (erased.came === 'unknown') {
        printRefusal(
          'no data here is about anybody of that name',
          'Write it as the tools do, such as a customer id.',
          'subject_unknown',
        )
        process.exitCode = EXIT.no
        return
      }
      if (erased.came !== 'erased') {
        const { holdText } = await import('../../ledger/holds.ts')
        printRefusal(
          `${erased.came === 'held' ? 'nothing was erased' : 'a hold came in between'}: ${holdText(erased.hold)}`,
          'Once it may be erased: `countersign hold lift`, and then this again.',
          'held',
        )
        process.exitCode = EXIT.no
      }
      if (erased.came !== 'held') await give(erased.certificate, file)
    })
  })
}

async function give(certificate: Certificate, file: string | undefined): Promise<void> {
  if (file === undefined) outJson(certificate)
  else {
    const { writeFile } = await import('node:fs/promises')
    await writeFile(file, `${JSON.stringify(certificate, undefined, 2)}\n`)
  }
  const { runs, left } = certificate
  say(`${runs.length} ${runs.length === 1 ? 'run is' : 'runs are'} erased.`)
  if (certificate.kind === 'erasure') {
    for (const { runKey, why } of certificate.waiting) say(plain(`waits: ${runKey}: ${why}`))
  }
  for (const line of left) say(line)
}

async function verify(file: string, { json, ...options }: CommonOptions & JsonOption): Promise<void> {
  const { readFile } = await import('node:fs/promises')
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`\`${file}\` cannot be read: ${error.code ?? error.message}`, 'Name a certificate.')
  })
  const help = 'Name a certificate, as `countersign erase` printed it.'
  const given = jsonObject(text, `\`${file}\``, { json: help, object: help })
  await withLedger(options, async (db) => {
    const { verifyCertificate } = await import('../../privacy/verify-certificate.ts')
    const verified = await verifyCertificate(db, given)
    if (json) outJson({ ok: verified.ok, problems: verified.ok ? [] : verified.problems })
    if (verified.ok) {
      const { kind, runs, at } = verified.certificate
      if (!json)
        out(plain(`a certificate of ${kind}, of ${at}: genuine, and none of its ${runs.length} runs can be read`))
      return
    }
    for (const problem of verified.problems) {
      printRefusal(problem, 'See docs/privacy.md on what a certificate says.', 'certificate_wrong')
    }
    process.exitCode = EXIT.no
  })
}
