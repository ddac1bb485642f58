import { canonicalJson, type Digest, digestOf } from '../../contract/digest.ts'
import type { RunKey } from '../../contract/evidence.ts'
import type { AuditRecord, Entry, EntryKind } from '../record/types.ts'
import { type Contracts, Redaction } from './redaction.ts'

/** How much of a record is exported: `audit.log_level` of its policy. */
export type LogLevel = 'evidence' | 'standard'

/** What a policy says of what is exported: how much, and `audit.redaction`. */
export interface Wish {
  readonly level: LogLevel
  /** Names of fields and facts that are blacked out. */
  readonly redacted: readonly string[]
}

/** One entry of a record, as it leaves: Countersign's own form. */
export interface ExportedEvent extends Omit<Entry, 'kind'> {
  readonly v: 1
  readonly kind: 'countersign.event'
  /** Of this entry in these words, wherever and however often it is sent: run key, place in the record, and digest. */
  readonly id: string
  readonly run: {
    readonly key: RunKey
    readonly workflowId: string
    readonly playbook: string | null
    readonly namespace: string
  }
  readonly entry: EntryKind
}

/** What `standard` leaves out: what a decision rests on, beside what was decided and done. */
const EVIDENCE: ReadonlySet<EntryKind> = new Set<EntryKind>(['plan', 'source', 'model_call', 'diff'])

/** The most characters of JSON that an event says; of more it has the digest. */
const MOST_SAID = 100_000

/** The events of a record, in its order, fit for others to see: masked before they get an id and are written down. */
export function eventsOf(
  record: AuditRecord,
  { level, redacted }: Wish,
  contracts: Contracts,
): readonly ExportedEvent[] {
  const { runKey, workflowId, playbook, namespace } = record
  const redaction = new Redaction(record, contracts, redacted)
  return record.entries
    .filter(({ kind }) => level === 'evidence' || !EVIDENCE.has(kind))
    .map((entry) => {
      const { kind, ...rest } = shortened(redaction.shown(entry))
      return {
        v: 1,
        kind: 'countersign.event',
        id: idOf(runKey, rest.seq, digestOf({ kind, ...rest })),
        run: { key: runKey, workflowId, playbook, namespace },
        entry: kind,
        ...rest,
      }
    })
}

const idOf = (runKey: RunKey, seq: number, digest: Digest): string =>
  `${runKey}/${seq}/${digest.slice('sha256:'.length, 'sha256:'.length + 16)}`

function shortened(entry: Entry): Entry {
  const characters = canonicalJson(entry.says).length
  if (characters <= MOST_SAID) return entry
  return { ...entry, says: { omitted: { digest: digestOf(entry.says), characters } } }
}
