import type { temporal } from '@temporalio/proto'
import { createHash } from 'node:crypto'
import { canonicalJson } from '../../contract/digest.ts'
import type { Json } from '../../contract/json.ts'
import { fieldsOf, textIn } from '../fields.ts'
import { NO_RESULT } from '../record/readings.ts'
import { recordOf } from '../record/record-of.ts'
import { DEVELOPMENT_FLAW } from '../record/statements.ts'
import type { AuditRecord, Entry } from '../record/types.ts'
import type { SealedBundle } from '../seal/bundle.ts'
import type { DataKeys } from '../../privacy/data-keys.ts'
import { historyIn, opened, readingOf, statementsIn } from '../seal/opened.ts'
import { entryName, fieldsThatDiffer } from './check-seal.ts'
import { failed, ok, readable, skipped, type Veiled, type Verdict } from './verdict.ts'

type History = temporal.api.history.v1.IHistory

/** What the histories of a bundle say, read again. */
export interface Derived {
  readonly runId: string
  readonly stored: History
  readonly opened: History
}

/** Reads the histories of a bundle, decrypted as far as there are keys; a text: which one cannot be read. */
export async function historiesIn(bundle: SealedBundle, dataKeys?: DataKeys): Promise<readonly Derived[] | string> {
  const reading = { ...readingOf(bundle), dataKeys }
  const derived: Derived[] = []
  for (const { runId, history } of bundle.histories) {
    try {
      const stored = historyIn(history)
      derived.push({ runId, stored, opened: await opened(stored, reading) })
    } catch {
      return `history ${runId}`
    }
  }
  return derived
}

/** Derives the record again. `undefined` with why it cannot be. */
export async function derive(
  { record: { namespace }, keys }: SealedBundle,
  histories: readonly Derived[],
): Promise<AuditRecord | string> {
  try {
    return await recordOf({ namespace, histories, keys })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Whether the record is what the histories say. What the ledger or a gateway said otherwise stands in it besides: that the seal vouches for. */
export function checkRecord(
  { record, histories }: SealedBundle,
  read: readonly Derived[] | string,
  again: AuditRecord | string,
): Verdict {
  if (typeof read === 'string') return failed('record', 'a history cannot be read', [read])
  const where = historiesThatDiffer(record, histories)
  if (typeof again === 'string') {
    return failed('record', `no record can be derived from the histories: ${again}`, [...where, 'histories'])
  }
  const { entries, ...header } = record
  const { entries: derived, ...expected } = again
  where.push(...fieldsThatDiffer(expected, header).map((name) => `record.${name}`))
  const compared = compare(entries, derived)
  where.push(...compared.where)
  if (where.length > 0) return failed('record', 'the record is not what the histories say', where)
  const besides = compared.besides === 0 ? '' : `, and ${compared.besides} that the ledger or the gateway told of`
  return ok('record', `${derived.length} entries derived again from ${histories.length} histories${besides}`)
}

function historiesThatDiffer({ executions }: AuditRecord, histories: SealedBundle['histories']): string[] {
  const where: string[] = []
  for (let at = 0; at < Math.max(executions.length, histories.length); at += 1) {
    const [execution, history] = [executions[at], histories[at]]
    const digest = createHash('sha256')
      .update(Buffer.from(history?.history ?? '', 'base64'))
      .digest('hex')
    if (execution === undefined || execution.runId !== history?.runId || execution.digest !== `sha256:${digest}`) {
      where.push(`history ${history?.runId ?? execution?.runId ?? ''}`)
    }
  }
  return where
}

/** The differences of a record that its histories do not tell: the ledger or a gateway did. */
export function untoldIn({ entries }: AuditRecord, derived: AuditRecord): readonly Entry[] {
  const isDerived = new Set(derived.entries.map(contentOf))
  return entries.filter((entry) => entry.kind === 'difference' && !isDerived.has(contentOf(entry)))
}

const contentOf = (entry: Entry): string => canonicalJson({ ...entry, seq: 0 })

/**
 * Entries that are not those that were derived. A difference that no history tells of may stand between them. INVARIANT: everything else that is
 * not derived again is named, and so is everything derived that is not there.
 */
function compare(
  entries: readonly Entry[],
  derived: readonly Entry[],
): { readonly where: readonly string[]; readonly besides: number } {
  const where: string[] = []
  const isDerived = new Set(derived.map(contentOf))
  const told = entries.filter((entry) => entry.kind !== 'difference' || isDerived.has(contentOf(entry)))
  for (const [at, entry] of entries.entries()) if (entry.seq !== at) where.push(entryName(entry))
  // What is missing or too many must not make everything after it look wrong.
  let [here, there] = [0, 0]
  while (here < told.length || there < derived.length) {
    const [one, other] = [told[here], derived[there]]
    if (one !== undefined && other !== undefined && contentOf(one) === contentOf(other)) {
      here += 1
      there += 1
      continue
    }
    const isElsewhere =
      one !== undefined && other !== undefined && told.slice(here).some((next) => contentOf(next) === contentOf(other))
    const isWanted = one !== undefined && derived.slice(there).some((next) => contentOf(next) === contentOf(one))
    if (one !== undefined && !isWanted) {
      where.push(entryName(one))
      here += 1
      if (other !== undefined && !isElsewhere) there += 1
    } else if (other !== undefined && !isElsewhere) {
      where.push(`${entryName(other)} (missing)`)
      there += 1
    } else {
      // Both are there, and not in this order.
      if (one !== undefined) where.push(entryName(one))
      here += 1
      there += 1
    }
  }
  return { where, besides: entries.length - told.length }
}

const RESTS_ON_RECEIPTS: ReadonlySet<string> = new Set(['tool_call', 'source', 'model_call'])

/** Whether a host signed what the steps of the run came to. */
export function checkReceipts(record: AuditRecord | string): Verdict {
  if (typeof record === 'string') return skipped('receipts', 'no record can be derived from the histories')
  const where: string[] = []
  const veiled: Veiled[] = []
  let signed = 0
  for (const entry of record.entries) {
    if (!RESTS_ON_RECEIPTS.has(entry.kind)) continue
    const { flaw } = entry.says
    // That the ledger knows of a step is no result of it.
    if (flaw === NO_RESULT) continue
    if (entry.proof === 'signed') signed += 1
    else if (entry.proof === 'sealed' || entry.proof === 'erased')
      veiled.push({ where: entryName(entry), veil: entry.proof })
    else if (typeof flaw === 'string') where.push(`${entryName(entry)}: ${flaw}`)
  }
  if (where.length > 0) return failed('receipts', 'no host signed what these say', where)
  return readable('receipts', `${signed} results are signed by hosts`, veiled)
}

/** Whether people said what they are said to have said. */
export function checkStatements(
  { statements }: SealedBundle,
  sealed: readonly Derived[] | string,
  read: readonly Derived[] | string,
  record: AuditRecord | string,
): Verdict {
  if (typeof record === 'string' || typeof read === 'string' || typeof sealed === 'string') {
    return skipped('statements', 'no record can be derived from the histories')
  }
  // Those that are encrypted are not listed.
  const where = listed(statements, statementsIn(sealed.map((one) => one.opened)))
  const found = statementsIn(read.map((one) => one.opened))
  const veiled: Veiled[] = []
  let development = 0
  // A run that was never opened is one that somebody was refused.
  const isOpened = record.entries.some(({ kind }) => kind === 'principal')
  for (const entry of record.entries) {
    const { says, kind, proof } = entry
    if (kind === 'request' && (proof === 'sealed' || proof === 'erased'))
      veiled.push({ where: entryName(entry), veil: proof })
    // What was refused may be signed by anybody.
    if (kind === 'attempt' || kind === 'difference' || !('statement' in says)) continue
    const { flaw, statement } = says
    if (flaw === DEVELOPMENT_FLAW) development += 1
    else if (typeof flaw === 'string' && statement !== null && isOpened) where.push(`${entryName(entry)}: ${flaw}`)
  }
  if (where.length > 0) return failed('statements', 'these are not what somebody said', where)
  const nobody = development === 0 ? '' : `; ${development} are for development, where nobody proves who he is`
  return readable('statements', `${found.length} statements${nobody}`, veiled)
}

function listed(here: readonly Json[], found: readonly Json[]): string[] {
  const [a, b] = [here.map(canonicalJson), found.map(canonicalJson)]
  if (canonicalJson(a) === canonicalJson(b)) return []
  const wrong = a.flatMap((one, at) => (b[at] === one ? [] : [`statements[${at}]`]))
  return wrong.length > 0 ? wrong : ['statements']
}

/** What the histories say of who opened the run, under which policy. */
export const policyDigestIn = (record: AuditRecord): string =>
  textIn(fieldsOf(record.entries.findLast(({ kind }) => kind === 'policy')?.says)['policyDigest'])
