import type { ColumnType, Generated, GeneratedAlways, JSONColumnType } from 'kysely'
import type { LedgerEntry } from '../contract/action.ts'
import type { StepResult } from '../contract/evidence.ts'
import type { Money } from '../contract/money.ts'
import type { Notice } from '../contract/notice.ts'
import type { Principal } from '../contract/principal.ts'
import type { About, AboutKind, Statement } from '../contract/statement.ts'
import type { StopScope } from '../contract/stop.ts'

/** Content-addressed policy texts: shared by every host, never deleted while a run may need one. */
interface PolicyTable {
  digest: string
  workflow: string
  text: string
  added_at: Generated<Date>
}

/** One row a run, written by `openRun`. */
interface RunTable {
  run_key: string
  workflow_id: string
  workflow_type: string
  policy_digest: string
  /** Of the policy that decides beside it, without effect. Points at nothing: a run does not need it. */
  candidate_digest: string | null
  principal: JSONColumnType<Principal>
  request_digest: string
  /** The digest that names the business case; `null`: the run is a case of its own. */
  business_key: string | null
  kernel_version: string
  build_id: string
  /** Who started it; `null`: it was opened before there were statements. */
  statement: ColumnType<Statement | null, string | null, null>
  opened_at: Generated<Date>
  /** `null`: opened before it was kept. */
  namespace: string | null
  /** By the policy that it was opened under; `null`: no end is set. */
  retain_days: number | null
  /** When Temporal closed it; `null`: it is open, or nobody looked yet. */
  closed_at: Date | null
  erased_at: Date | null
}

/** One row a write step: what makes an effect happen once. */
interface EffectTable {
  run_key: string
  step: string
  tool: string
  state: LedgerEntry['state']
  input: JSONColumnType<object>
  input_digest: string
  action_digest: string | null
  /** That of the run. */
  business_key: string | null
  result: ColumnType<StepResult | null, string | null, string | null>
  /** Grows with each attempt that takes the step over, and never goes back; an attempt with an older one writes nothing. */
  fence: Generated<number>
  lease_until: Date | null
  undo_text: string | null
  claimed_at: Generated<Date>
  /** When a request first may have left; `null`: none has, so nothing can have happened. */
  sent_at: Date | null
  done_at: Date | null
  undone_at: Date | null
}

/** One row an effect and a limit over time that it counts under. Whether the effect stands, its own row says. */
interface CountTable {
  run_key: string
  step: string
  /** The digest that names the limit, what it measures and the subject. */
  counted: string
  /** `null`: effects are counted, and no amounts. */
  cents: string | null
  counted_at: Date
}

/** One row a call of a model: set aside before it is made, settled after it. Unsettled ones count in full. */
interface ModelCallTable {
  id: Generated<string>
  run_key: string
  run_id: string
  step: string
  attempt: number
  call: number
  what: string
  reserved_micro_usd: number
  micro_usd: number | null
  input_tokens: number | null
  output_tokens: number | null
  reserved_at: Generated<Date>
  settled_at: Date | null
}

/** Payloads that are too large for a history, by their digest. */
interface BlobTable {
  digest: string
  content: Buffer
  /** Of the data key that encrypted it; `null`: it stands in the clear. */
  key_id: string | null
  added_at: Generated<Date>
}

/** One row a stop: added, lifted, never deleted. */
export interface StopTable {
  id: GeneratedAlways<string>
  scope: StopScope
  name: string
  reason: string
  stopped_by: string
  statement: ColumnType<Statement | null, string | null, never>
  stopped_at: GeneratedAlways<Date>
  lifted_by: string | null
  lift_reason: string | null
  lift_statement: ColumnType<Statement | null, string | null, string | null>
  lifted_at: Date | null
}

/** Somebody's word to stop something, or to let it go on, that did not count. */
export interface RefusedStopTable {
  id: GeneratedAlways<string>
  at: GeneratedAlways<Date>
  kind: 'stop' | 'resume'
  scope: string
  name: string
  reason: string
  /** Whose statement it is; `null`: nobody verified it. */
  subject: string | null
  code: string
  message: string
}

/** The public keys of the hosts: receipts of the past stay verifiable. */
interface KeyTable {
  key_id: string
  public_key: string
  added_at: Generated<Date>
}

/** The public keys of the issuers of statements: added, ended, revoked, never deleted, so that the past stays verifiable. */
export interface IssuerKeyTable {
  key_id: string
  public_key: string
  issuer: string
  development: boolean
  valid_from: Generated<Date>
  /** `null`: until told otherwise. */
  valid_to: Date | null
  revoked_at: Date | null
  /** When it became known that somebody else may have the key: nothing that it ever signed counts. */
  compromised_at: Date | null
}

/** One row a statement that was used. */
interface StatementTable {
  nonce: string
  digest: string
  about: AboutKind
  /** `null`: a stop or a resume, which is of no run. */
  run_key: string | null
  subject: string
  issuer: string
  used_at: Generated<Date>
}

/** What the gateway saw last of somebody, by the token that he sent. */
interface PersonTable {
  /** How names are compared (`personOf`). */
  person: string
  subject: string
  issuer: string
  groups: JSONColumnType<readonly string[]>
  workspaces: JSONColumnType<readonly string[]>
  /** When the token was issued that says so. */
  token_at: Date
  seen_at: Generated<Date>
}

/** Somebody does not count any more, in a group or (`null`) at all: added, lifted, never deleted. */
export interface WithdrawalTable {
  id: GeneratedAlways<string>
  person: string
  subject: string
  group_name: string | null
  reason: string
  withdrawn_at: GeneratedAlways<Date>
  /** `null`: of before it was asked. */
  withdrawn_by: string | null
  lifted_at: Date | null
  lifted_by: string | null
}

/** Somebody lets somebody else speak for him in a group; the newest between two of them counts. */
export interface DelegationTable {
  id: GeneratedAlways<string>
  nonce: string
  from_person: string
  from_subject: string
  from_issuer: string
  to_person: string
  to_subject: string
  group_name: string
  workspace: string
  until: Date
  statement: ColumnType<Statement, string, never>
  made_at: GeneratedAlways<Date>
}

/** One row a time that somebody asked the gateway for a statement. */
export interface AttemptTable {
  id: GeneratedAlways<string>
  at: GeneratedAlways<Date>
  /** The network address from which it came. */
  source: string
  /** `null`: the statement was signed. */
  code: string | null
  reason: string | null
  /** Of a token that was verified; `null`: none was. So are the next two. */
  issuer: string | null
  subject: string | null
  workspace: string | null
  /** `null`: it was not in the form of one. */
  about: ColumnType<About | null, string | null, string>
  nonce: string | null
  key_id: string | null
}

/** One row a time that somebody asked the gateway to encode or decode payloads, or for a data key. */
export interface CodecCallTable {
  id: GeneratedAlways<string>
  at: GeneratedAlways<Date>
  kind: 'encode' | 'decode' | 'data_key'
  /** The network address from which it came. */
  source: string
  /** Of which page of a browser; `null`: of none. */
  origin: string | null
  /** `null`: it named none, or none that can be written down. */
  namespace: string | null
  /** `null`: the call as a whole was not refused. */
  code: string | null
  reason: string | null
  /** Of a token that was verified; `null`: none was. So is the next one. */
  issuer: string | null
  subject: string | null
  payloads: number
  /** How many of them were encoded or decoded. */
  passed: number
  keys: ColumnType<readonly KeyUse[], string, never>
}

/** How many payloads of a key a call had, and why they were not decoded (`null`: they were). */
export interface KeyUse {
  readonly key: string
  readonly payloads: number
  readonly code: string | null
}

/** One row a data key that the gateway made for somebody: whose it is, as long as no run says so. */
interface KeyHolderTable {
  key_id: string
  /** `null`: of none yet; `/encode` knows no workflow. */
  workspace: string | null
  subject: string
  issuer: string
  held_at: GeneratedAlways<Date>
}

/** One row a message to people: of which question, on which channel, and what became of it. */
export interface NotificationTable {
  id: GeneratedAlways<string>
  run_key: string
  step: string
  action_digest: string
  asked_at: Date
  channel: string
  kind: string
  notice: ColumnType<Notice, string, string>
  state: ColumnType<'waiting' | 'sent' | 'failed' | 'dropped', undefined, 'waiting' | 'sent' | 'failed' | 'dropped'>
  attempts: ColumnType<number, undefined, number>
  due_at: Date
  next_at: Date
  settled_at: Date | null
  last_error: string | null
}

/** One row an event that is to be exported. */
interface OutboxTable {
  id: GeneratedAlways<string>
  event_id: string
  run_key: string
  seq: number
  /** Where its policy wants it: `audit.export`. */
  target: string
  /** Canonical JSON, as is the next; `null`: every sink has had it, and it was emptied. */
  native: string | null
  ocsf: string | null
  /** Of the OCSF event. */
  type_uid: number
  /** That of the OCSF event's attestation, in hex: the next event of the run names it. */
  fingerprint: string
  added_at: GeneratedAlways<Date>
}

/** One row a sink: how far it is, and which worker sends to it until when. */
interface OutboxCursorTable {
  sink: string
  /** The targets whose events it gets; `*`: all. */
  targets: string[]
  last_id: ColumnType<string, string | undefined, string>
  holder: string | null
  held_until: Date | null
  /** Failures in a row. */
  attempts: ColumnType<number, undefined, number>
  /** Events in a row that it called malformed. */
  refused_in_row: ColumnType<number, undefined, number>
  next_at: Generated<Date>
  last_error: string | null
  failing_since: Date | null
  sent_at: Date | null
}

/** One row an event that a sink called malformed. */
interface OutboxRefusedTable {
  id: GeneratedAlways<string>
  sink: string
  outbox_id: string
  why: string
  /** `again`: somebody wants it sent once more. */
  state: ColumnType<'refused' | 'again' | 'sent', undefined, 'refused' | 'again' | 'sent'>
  refused_at: Generated<Date>
}

/** One row a data key. Destroying one takes what was wrapped away and keeps the row, which says so. */
export interface DataKeyTable {
  key_id: string
  /** Empty for the index key. */
  namespace: string
  /** `null`: the index key, or one of the codec server's that no workflow has adopted yet. */
  workflow_id: string | null
  kind: 'run' | 'index'
  master_key_id: string
  /** `null`: it was destroyed. */
  wrapped: Buffer | null
  made_at: Generated<Date>
  /** It was made without a workflow, and this is when one took it. */
  adopted_at: Date | null
  destroyed_at: Date | null
  destroyed_why: string | null
}

/** One row a run and a person whom its data is about, by a keyed hash of who that is. */
interface DataSubjectTable {
  /** 64 hex digits. */
  subject_hash: string
  namespace: string
  workflow_id: string
  run_key: string
  seen_at: Generated<Date>
}

/** One row a legal hold: added, lifted, never deleted. */
export interface HoldTable {
  id: GeneratedAlways<string>
  scope: 'subject' | 'run' | 'workspace'
  /** Of a person: the keyed hash of his name. */
  name: string
  reason: string
  held_by: string
  held_at: GeneratedAlways<Date>
  lifted_by: string | null
  lift_reason: string | null
  lifted_at: Date | null
}

/** One row a time that somebody was to be forgotten. */
interface ErasureTable {
  id: GeneratedAlways<string>
  subject_hash: string
  reason: string
  asked_by: string
  asked_at: GeneratedAlways<Date>
  /** Why nothing was erased; `null`: it was not refused. */
  refused: string | null
  /** `null`: runs of his are open yet, or it was interrupted. */
  done_at: Date | null
}

/** Signed certificates of what was erased; `erasure_id` is `null` for one of retention. */
interface CertificateTable {
  id: GeneratedAlways<string>
  erasure_id: string | null
  certificate: ColumnType<object, string, string>
  made_at: GeneratedAlways<Date>
}

/** One row a run that was erased, written with it; more than one where something came late. */
interface ErasedRunTable {
  id: GeneratedAlways<string>
  run_key: string
  namespace: string
  workflow_id: string
  erasure_id: string | null
  /** `null`: no certificate names it yet. */
  certificate_id: string | null
  did: ColumnType<object, string, never>
  erased_at: GeneratedAlways<Date>
}

/** When a job was begun last, by whichever worker. */
interface SweepTable {
  name: string
  began_at: Date
}

/** One row a seal of a run: a leaf of the transparency log. Added, and never changed. */
interface LogLeafTable {
  /** 0, 1, 2 … without a gap. */
  index: number
  /** RFC 9162, of the digest of the envelope. */
  hash: Buffer
  run_key: string
  /** Of its executions: the same run is sealed once as it is. */
  state_digest: string
  envelope_digest: string
  /** In which state the run was. */
  state: string
  /** The leaf of the seal of the same run before it. */
  before_index: number | null
  sealed_at: GeneratedAlways<Date>
}

/** The hash of 256^level leaves: what stands in the tiles above the leaves. */
interface LogTileTable {
  level: number
  index: number
  hash: Buffer
}

/** What the signer said of the log. */
interface LogCheckpointTable {
  id: GeneratedAlways<string>
  size: number
  root: Buffer
  note: string
  signed_at: GeneratedAlways<Date>
}

/** What witnesses said of that. */
interface LogCosignatureTable {
  id: GeneratedAlways<string>
  checkpoint_id: string
  line: string
  signed_at: GeneratedAlways<Date>
}

/** The bundle of each leaf, without its place in the log. */
interface ArchiveTable {
  index: number
  bundle: string
}

/** What the sweep knows of a run. */
interface SweepRunTable {
  run_key: string
  namespace: string
  workflow_id: string
  /** `open`: nothing of it that is over was seen; `due`: something of it was not sealed; `gone`: Temporal has nothing of it, and nothing was sealed. */
  state: 'open' | 'due' | 'sealed' | 'altered' | 'gone' | 'elsewhere'
  /** How many closed executions of it were seen. */
  seen: number
  closed_at: Date | null
  /** Since when something of it is closed and not sealed. */
  due_since: Date | null
  /** Of its newest seal. */
  leaf: number | null
  /** Failures in a row. */
  attempts: number
  why: string | null
  next_at: Date
  known_at: GeneratedAlways<Date>
}

/** Each closed execution that the sweep has seen. */
interface SweepExecutionTable {
  run_id: string
  run_key: string
  closed_at: Date
}

/** How far the sweep of a namespace and task queue is. */
interface SweepMarkTable {
  namespace: string
  task_queue: string
  first_at: GeneratedAlways<Date>
  /** What was closed before that was seen, but for what visibility tells late. */
  looked_to: Date | null
  /** When it looked at everything last. */
  looked_at_all: Date | null
  began_at: Date | null
  ended_at: Date | null
  /** Of the last one. */
  sealed: number
  failed: number
  /** Where copies go. */
  archive: string | null
  /** What keeps it from going on. */
  trouble: string | null
}

/** One row a bundle that stands in a blob store. */
interface ArchiveCopyTable {
  store: string
  index: number
  name: string
  sha256: string
  copied_at: GeneratedAlways<Date>
}

/** One row a sealed run, as its newest seal has it. */
export interface AuditIndexTable {
  run_key: string
  /** Of that seal, in the log. */
  index: number
  /** Of how it was derived. */
  version: number
  playbook: string | null
  workspace: string | null
  state: string
  began_at: Date
  closed_at: Date | null
  tools: string[]
  /** Of what could be read without keys, as are failures and amounts. */
  rules: string[]
  failures: string[]
  approvers: string[]
  amounts: JSONColumnType<readonly IndexedAmount[]>
  /** Whether something in it is encrypted. */
  veiled: boolean
  erased_at: Date | null
}

/** An amount that something was decided on. */
export interface IndexedAmount extends Money {
  readonly step: string
  readonly fact: string
}

/** A reader was given the data keys of a run. Added, and never changed. */
interface KeyIssueTable {
  id: GeneratedAlways<string>
  at: GeneratedAlways<Date>
  run_key: string
  key_ids: string[]
  /** PEM, SPKI. */
  reader: string
  reason: string
  issued_by: string
}

/** The tables of Countersign itself, in the PostgreSQL schema `countersign`. */
export interface LedgerTables {
  'countersign.policies': PolicyTable
  'countersign.runs': RunTable
  'countersign.effects': EffectTable
  'countersign.counts': CountTable
  'countersign.model_calls': ModelCallTable
  'countersign.keys': KeyTable
  'countersign.issuer_keys': IssuerKeyTable
  'countersign.statements': StatementTable
  'countersign.attempts': AttemptTable
  'countersign.codec_calls': CodecCallTable
  'countersign.key_holders': KeyHolderTable
  'countersign.people': PersonTable
  'countersign.withdrawals': WithdrawalTable
  'countersign.delegations': DelegationTable
  'countersign.notifications': NotificationTable
  'countersign.outbox': OutboxTable
  'countersign.outbox_cursors': OutboxCursorTable
  'countersign.outbox_refused': OutboxRefusedTable
  'countersign.blobs': BlobTable
  'countersign.data_keys': DataKeyTable
  'countersign.stops': StopTable
  'countersign.refused_stops': RefusedStopTable
  'countersign.data_subjects': DataSubjectTable
  'countersign.holds': HoldTable
  'countersign.erasures': ErasureTable
  'countersign.certificates': CertificateTable
  'countersign.erased_runs': ErasedRunTable
  'countersign.sweeps': SweepTable
  'countersign.log_leaves': LogLeafTable
  'countersign.log_tiles': LogTileTable
  'countersign.log_checkpoints': LogCheckpointTable
  'countersign.log_cosignatures': LogCosignatureTable
  'countersign.archive': ArchiveTable
  'countersign.sweep_runs': SweepRunTable
  'countersign.sweep_executions': SweepExecutionTable
  'countersign.sweep_marks': SweepMarkTable
  'countersign.archive_copies': ArchiveCopyTable
  'countersign.audit_index': AuditIndexTable
  'countersign.key_issues': KeyIssueTable
}
