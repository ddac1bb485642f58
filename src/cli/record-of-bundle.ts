import { readFile } from 'node:fs/promises'
import { canonicalJson } from '../contract/digest.ts'
import type { AuditRecord } from '../audit/record/types.ts'
import { readBundle, type SealedBundle } from '../audit/seal/bundle.ts'
import { givenKeys } from '../audit/seal/run-keys.ts'
import { derive, historiesIn, untoldIn } from '../audit/verify/check-record.ts'
import { UsageError } from './errors.ts'
import { dataKeysFor, type ReadingOptions } from './reader-keys.ts'
import { say } from './terminal.ts'

const HELP = 'Name a file that `countersign audit bundle` wrote.'

/** The record in a sealed file; where its reader has keys, with what is encrypted. Fails as a usage error on what is none. */
export async function recordOfBundle(run: string, file: string, options: ReadingOptions): Promise<AuditRecord> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`\`${file}\` cannot be read: ${error.code ?? error.message}`, HELP)
  })
  const read = readBundle(bytes)
  if (!read.ok) throw new UsageError(`\`${file}\` is no sealed file: ${read.where}: ${read.why}`, HELP)
  const { bundle } = read
  if (run !== bundle.record.workflowId && run !== bundle.record.runKey) {
    throw new UsageError(`the file is not of \`${run}\``, `It is of \`${bundle.record.workflowId}\`.`)
  }
  say('This is what the file says. Whether it holds, `countersign audit verify` tells.')
  const dataKeys = await dataKeysFor(file, options)
  return dataKeys === undefined ? bundle.record : await inFull(bundle, file, givenKeys(dataKeys))
}

/** The record derived with keys; what only the ledger or a gateway told comes from the sealed one. */
async function inFull(bundle: SealedBundle, file: string, keys: ReturnType<typeof givenKeys>): Promise<AuditRecord> {
  const [histories, sealed] = [await historiesIn(bundle, keys), await historiesIn(bundle)]
  const record = typeof histories === 'string' ? histories : await derive(bundle, histories)
  const plain = typeof sealed === 'string' ? sealed : await derive(bundle, sealed)
  if (typeof record === 'string' || typeof plain === 'string')
    throw new UsageError(`no record can be derived from \`${file}\``, 'See what `countersign audit verify` says of it.')
  const besides = untoldIn(bundle.record, plain)
  const entries = [...record.entries, ...besides].map((entry, seq) => ({ ...entry, seq }))
  return JSON.parse(canonicalJson({ ...record, entries })) as AuditRecord
}
