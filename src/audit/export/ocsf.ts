import { digestOf } from '../../contract/digest.ts'
import type { JsonObject } from '../../contract/json.ts'
import { KERNEL_VERSION } from '../../contract/wire.ts'
import type { LastEvent } from '../../ledger/outbox.ts'
import { fieldsOf, textIn } from '../fields.ts'
import type { EntryKind } from '../record/types.ts'
import type { ExportedEvent } from './event.ts'

/** The version of the Open Cybersecurity Schema Framework whose form this is. */
const OCSF_VERSION = '1.9.0'

/** An event in the form of OCSF, and what the next one of its run names of it. */
export interface OcsfEvent {
  readonly event: JsonObject
  readonly typeUid: number
  /** Hex. */
  readonly fingerprint: string
}

const CLASS_UID = 6003
const ACTIVITIES = { Create: 1, Read: 2, Update: 3, Other: 99 } as const
type Activity = keyof typeof ACTIVITIES

const ACTIVITY_OF: Readonly<Partial<Record<EntryKind, Activity>>> = {
  request: 'Create',
  source: 'Read',
  tool_call: 'Update',
  compensation: 'Update',
  undo: 'Update',
}

const SEVERITIES = { Informational: 1, Low: 2, Medium: 3, High: 4 } as const
type Severity = keyof typeof SEVERITIES

const SEVERITY_OF: Readonly<Partial<Record<EntryKind, Severity>>> = {
  attempt: 'Medium',
  stop: 'Medium',
  compensation: 'Low',
  undo: 'Low',
  incident: 'High',
  difference: 'High',
}

/** What somebody outside did to a run, and nothing was undone for it. */
const CUT_OFF: ReadonlySet<string> = new Set(['terminated', 'timed_out'])

const SUCCEEDED: ReadonlySet<string> = new Set(['done', 'undone', 'completed'])
/** How an attempt that came to nothing says so. */
const FAILED: ReadonlySet<string> = new Set(['failed', 'timed_out', 'cancelled'])

const SHA_256 = { algorithm: 'SHA-256', algorithm_id: 3 } as const
const HEX = { encoding: 'Hex', encoding_id: 1 } as const
const JCS = { serialization: 'JCS', serialization_id: 1 } as const

/**
 * An event as API Activity (6003) of OCSF with the profiles `ai_operation` and `record_integrity`: what the class has no place for
 * is in `unmapped`. The fingerprint of its attestation is of its canonical JSON (RFC 8785) without the fingerprint itself, so
 * that the one before it in its run, which it names, is part of it.
 */
export function ocsfOf(event: ExportedEvent, before: LastEvent | null): OcsfEvent {
  const { id, run, seq, entry, at, step, events, proof, by, says, text } = event
  const activity = ACTIVITY_OF[entry] ?? 'Other'
  const severity = severityOf(event)
  const typeUid = CLASS_UID * 100 + ACTIVITIES[activity]
  const tool = textIn(says['tool'])
  const attestation = {
    uid: id,
    authority_uid: 'countersign',
    chain_uid: run.key,
    ...(before === null
      ? {}
      : {
          prev_event: {
            uid: before.eventId,
            type_uid: before.typeUid,
            fingerprint: { ...SHA_256, ...HEX, ...JCS, value: before.fingerprint },
          },
        }),
  }
  const body = {
    category_uid: 6,
    category_name: 'Application Activity',
    class_uid: CLASS_UID,
    class_name: 'API Activity',
    activity_id: ACTIVITIES[activity],
    // Of `Other`, whatever the source calls it.
    activity_name: activity === 'Other' ? entry : activity,
    type_uid: typeUid,
    type_name: `API Activity: ${activity}`,
    severity_id: SEVERITIES[severity],
    severity,
    ...statusOf(event),
    time: Date.parse(at),
    message: text,
    metadata: {
      version: OCSF_VERSION,
      product: { name: 'Countersign', vendor_name: 'Countersign', version: KERNEL_VERSION },
      profiles: ['ai_operation', 'record_integrity'],
      uid: id,
      correlation_uid: run.key,
      sequence: seq,
      event_code: entry,
      log_name: 'countersign.record',
    },
    actor: by === null || by === '' ? { app_name: 'Countersign' } : { user: { name: by, uid: by } },
    api: {
      operation: tool === '' ? entry : tool,
      service: { name: run.playbook ?? 'countersign' },
      request: { uid: step === null ? run.key : `${run.key}/${step}` },
    },
    // Which machine it was is not on the record; where the run lives is.
    src_endpoint: { name: run.namespace, svc_name: 'temporal' },
    resources: [{ type: 'run', uid: run.key, name: run.workflowId, namespace: run.namespace }],
    ai_agent: agentOf(event),
    unmapped: { entry, step, proof, events: events.map(({ runId, eventId }) => ({ runId, eventId })), says },
  } satisfies JsonObject
  const fingerprint = digestOf({ ...body, attestation_list: [attestation] }).slice('sha256:'.length)
  return {
    event: {
      ...body,
      attestation_list: [{ ...attestation, fingerprint: { ...SHA_256, ...HEX, ...JCS, value: fingerprint } }],
    },
    typeUid,
    fingerprint,
  }
}

function severityOf({ entry, says }: ExportedEvent): Severity {
  if (entry === 'state' && CUT_OFF.has(textIn(says['state']))) return 'High'
  return SEVERITY_OF[entry] ?? 'Informational'
}

/** How it came out; of what does not come to anything by itself, nothing. */
function statusOf({ entry, says }: ExportedEvent): JsonObject {
  const state = textIn(says['state'])
  if (entry === 'attempt' || entry === 'incident' || FAILED.has(state)) {
    const code = textIn(fieldsOf(says['failure'])['code']) || textIn(fieldsOf(says['answer'])['code'])
    return { status_id: 2, status: 'Failure', ...(code === '' ? {} : { status_code: code }) }
  }
  return SUCCEEDED.has(state) ? { status_id: 1, status: 'Success' } : {}
}

/** The playbook, as this run of it; with its model where one answered: plain code in place of a model is none. */
function agentOf({ run, entry, says }: ExportedEvent): JsonObject {
  const name = run.playbook ?? 'countersign'
  const model = entry === 'model_call' ? textIn(says['model']) : ''
  const provider = model.includes('/') ? model.slice(0, model.indexOf('/')) : 'unknown'
  return {
    uid: name,
    name,
    instance_uid: run.key,
    type_id: 1,
    type: 'Native',
    ...(model === '' || model === 'deterministic' ? {} : { ai_model: { ai_provider: provider, name: model } }),
  }
}
