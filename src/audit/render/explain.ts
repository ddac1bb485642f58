import { moment } from '../../contract/moment.ts'
import type { Json, JsonObject } from '../../contract/json.ts'
import { fieldsOf, textIn } from '../fields.ts'
import { line, objectsIn, textsIn } from '../record/execution.ts'
import { becauseOf } from '../record/decisions.ts'
import type { AuditRecord, Entry, Proof } from '../record/types.ts'
import { cite } from './cite.ts'

/** The three questions about a step, each answered in one sentence with the events that it rests on. */
export interface Explained {
  readonly step: string
  /** On what it rested. */
  readonly evidence: string
  /** By which rule, and on whose word. */
  readonly rule: string
  /** How it can be undone, until when and by whom; or what became of it. */
  readonly undo: string
}

/** Answers the three questions from a record alone; `undefined`: it tells of no such step. */
export function explain(record: AuditRecord, step: string): Explained | undefined {
  const about = record.entries.filter((entry) => entry.step === step)
  if (about.length === 0) return undefined
  const decision = about.findLast(({ kind }) => kind === 'decision')
  return {
    step,
    evidence: evidenceSentence(record, about, decision),
    rule: ruleSentence(record, about, decision),
    undo: undoSentence(record, about, decision),
  }
}

/** Puts sentences and clauses together with their citations. */
const cited = (record: AuditRecord, ...entries: readonly (Entry | undefined)[]): string =>
  cite(
    record,
    entries.flatMap((entry) => entry?.events ?? []),
  )

const WORTH: Readonly<Record<Proof, string>> = {
  signed: 'signed by a host',
  server: 'as Temporal tells',
  claimed: 'signed by nobody whose key is known here',
  sealed: 'SEALED',
  erased: 'ERASED',
}

function evidenceSentence(record: AuditRecord, about: readonly Entry[], decision: Entry | undefined): string {
  if (decision === undefined) {
    const source = about.find(({ kind }) => kind === 'source' || kind === 'model_call') ?? about[0]
    return source?.kind === 'source' || source?.kind === 'model_call'
      ? `It is evidence itself (${WORTH[source.proof]}): ${withoutStop(source.text)} ${cited(record, source)}.`
      : `This record holds no warrant of it, which would cite the evidence ${cited(record, about[0])}.`
  }
  const citations = objectsIn(decision.says['evidence'])
  if (citations.length === 0) return `It cites no evidence ${cited(record, decision)}.`
  const parts = citations.map((citation) => {
    const { step, kind, reference, at, outputDigest } = citation
    const source = sourceOf(record, textIn(step), outputDigest)
    const what = `${kind === 'model' ? 'a model’s reading,' : line(textIn(kind))} ${line(textIn(reference))}`
    const read = textIn(at) === '' ? '' : `read ${moment(textIn(at))}, `
    return source === undefined
      ? `${what} (${read}of which no event here tells)`
      : `${what} (${read}${WORTH[source.proof]}) ${cited(record, source)}`
  })
  return `It rests on ${listed(parts)}, as it is cited there ${cited(record, decision)}.`
}

/** The entry of what is cited: of that step, with that output. */
const sourceOf = ({ entries }: AuditRecord, step: string, outputDigest: Json | undefined): Entry | undefined =>
  entries.findLast(
    (entry) => entry.step === step && entry.says['outputDigest'] === outputDigest && entry.events.length > 0,
  )

function listed(parts: readonly string[]): string {
  const last = parts.at(-1) ?? ''
  return parts.length < 2 ? last : `${parts.slice(0, -1).join('; ')}; and ${last}`
}

const withoutStop = (text: string): string => text.replace(/[.…]$/u, '')

const SAYS: Readonly<Record<string, string>> = {
  deny: 'denied it',
  escalate: 'handed it to a person',
  suggest: 'only suggested it',
  require_approval: 'wanted an approval of it',
  allow: 'allowed it',
}

function ruleSentence(record: AuditRecord, about: readonly Entry[], decision: Entry | undefined): string {
  const policy = record.entries.find(({ kind }) => kind === 'policy')
  if (decision === undefined) {
    return about.some(({ kind }) => kind === 'tool_call')
      ? `This record holds no decision on it ${cited(record, about[0])}.`
      : `No rule decides on it: it changes nothing ${cited(record, about[0])}.`
  }
  const { effect, matches, policyDigest, approvals } = decision.says
  const because = becauseOf(matches)
  const why = because === '' ? 'no rule of it speaks of this' : because
  const by = policy === undefined ? '' : ` ${cited(record, policy)}`
  const said = `The policy ${line(textIn(policyDigest), 80)}${by} ${SAYS[textIn(effect)] ?? line(textIn(effect))}, since ${line(why, 2_000)} ${cited(record, decision)}`
  return `${said}${voices(record, about, approvals)}${refusals(record, about)}.`
}

/** Who approved what was done, or what said no. */
function voices(record: AuditRecord, about: readonly Entry[], approvals: Json | undefined): string {
  const given = objectsIn(approvals)
  if (given.length === 0) {
    const no = about.findLast(
      ({ kind, says }) => kind === 'approval' && fieldsOf(says['said'])['decision'] === 'reject',
    )
    return no === undefined ? '' : `; ${line(no.by ?? 'somebody')} rejected it ${cited(record, no)}`
  }
  const parts = given.map(({ by, nonce, proof, at }) => {
    const said = about.find(({ kind, says }) => kind === 'approval' && fieldsOf(says['statement'])['nonce'] === nonce)
    const worth = proof === 'signed' ? 'as a gateway vouches' : 'which nobody proves'
    const where = said === undefined ? 'of which no event here tells' : cited(record, said)
    const when = textIn(at) === '' ? '' : ` at ${moment(textIn(at))}`
    return `${line(textIn(by)) || 'somebody'} approved exactly this${when}, ${worth} ${where}`
  })
  return `; ${listed(parts)}`
}

function refusals(record: AuditRecord, about: readonly Entry[]): string {
  const refused = about.filter(({ kind }) => kind === 'attempt')
  if (refused.length === 0) return ''
  const many = refused.length === 1 ? 'one attempt to decide was' : `${refused.length} attempts to decide were`
  return `; ${many} refused ${cited(record, ...refused)}`
}

function undoSentence(record: AuditRecord, about: readonly Entry[], decision: Entry | undefined): string {
  const call = about.findLast(({ kind }) => kind === 'tool_call')
  const undone = about.findLast(
    ({ kind, says }) =>
      (kind === 'undo' || kind === 'compensation') && (says['state'] === 'undone' || says['state'] === 'not_done'),
  )
  const settled = about.findLast(
    ({ kind, says }) => kind === 'incident' && fieldsOf(says['said'])['resolution'] === 'settled',
  )
  const left = about.findLast(({ kind, says }) => kind === 'incident' && says['code'] === 'effect_stands')
  if (undone !== undefined) {
    const by = undone.by === null ? '' : ` by ${line(undone.by)}`
    const came = undone.says['state'] === 'undone' ? 'It was undone' : 'It had not happened, and was barred'
    return `${came}${by} at ${moment(undone.at)}: ${withoutStop(line(textIn(undone.says['told']), 1_000))} ${cited(record, undone)}.`
  }
  if (settled !== undefined) {
    return `The run could not undo it, and ${line(settled.by ?? 'somebody')} stated that it was put right by hand ${cited(record, settled)}.`
  }
  if (call === undefined) {
    const state = record.entries.findLast(({ kind }) => kind === 'state')
    return decision === undefined
      ? `There is nothing to undo: it changes nothing ${cited(record, about[0])}.`
      : `Nothing of it was done, so there is nothing to undo ${cited(record, decision, state)}.`
  }
  const path = fieldsOf(decision?.says['undo'] ?? call.says['undo'])
  const how = textIn(path['does'])
  if (how === '') return `It cannot be undone: its contract knows no way ${cited(record, decision ?? call)}.`
  if (left !== undefined) {
    return `Nothing undid it, and no run is left that could: by hand, ${line(how)} ${cited(record, decision, left)}.`
  }
  if (call.says['state'] !== 'done' && call.says['state'] !== 'recalled') {
    return `It is not known to have been done; what would undo it is to ${line(how)} ${cited(record, call, decision)}.`
  }
  return windowSentence(record, how, path, decision ?? call)
}

/** Until when a person can have it undone, and who. */
function windowSentence(record: AuditRecord, how: string, { windowMinutes }: JsonObject, warrant: Entry): string {
  const policy = record.entries.find(({ kind }) => kind === 'policy')
  const window = record.entries.findLast(({ kind, says }) => kind === 'undo' && 'undoUntil' in says)
  if (typeof windowMinutes !== 'number') {
    return `Only the run itself undoes it, where it does not end completed: ${line(how)} ${cited(record, warrant)}.`
  }
  const rollback = fieldsOf(fieldsOf(policy?.says['policy'])['rollback'])
  const groups = textsIn(rollback['who'])
  const who = groups.length === 0 ? 'whoever is in its workspace' : `the group ${line(groups.join(' or '))}`
  if (window === undefined) {
    return `To undo it is to ${line(how)}; ${who} can have that done within ${windowMinutes} minutes of its end ${cited(record, warrant)}.`
  }
  const until = moment(textIn(window.says['undoUntil']))
  const could = window.says['window'] === 'open' ? 'can' : 'could'
  const over = window.says['window'] === 'over' ? ', and nobody did' : ''
  return `To undo it is to ${line(how)}; ${who} ${could} have that done until ${until}${over} ${cited(record, warrant, window)}.`
}
