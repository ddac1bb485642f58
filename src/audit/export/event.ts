import { canonicalJson, type Digest, digestOf } from '../../contract/digest.ts'
import type { RunKey } from '../../contract/evidence.ts'
import type { JsonObject } from '../../contract/json.ts'
import { type Cover, coverOf } from '../../privacy/redact.ts'
import type { AuditRecord, Entry, EntryKind } from '../record/types.ts'

/** How much of a record is exported: `audit.log_level` of its policy. */
export type LogLevel = 'evidence' | 'standard'

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

/**
 * The one place where an entry is made fit for others to see, before it gets an id and is written down: what looks personal in it is
 * masked, but for those who acted.
 */
const forSink = (entry: Entry, cover: Cover): Entry => ({
  ...entry,
  says: cover.value(entry.says) as JsonObject,
  text: cover.text(entry.text),
})

/** Whoever said or did something stays known: that is what a record is for. */
function coverFor({ entries }: AuditRecord): Cover {
  const acted = new Set(entries.map(({ by }) => by))
  return coverOf({ mark: (kind, value) => (acted.has(value) ? value : `[${kind}]`), keepsTexts: true })
}

/** The events of a record, in its order. */
export function eventsOf(record: AuditRecord, level: LogLevel): readonly ExportedEvent[] {
  const { runKey, workflowId, playbook, namespace } = record
  const cover = coverFor(record)
  return record.entries
    .filter(({ kind }) => level === 'evidence' || !EVIDENCE.has(kind))
    .map((entry) => {
      const { kind, ...rest } = shortened(forSink(entry, cover))
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
