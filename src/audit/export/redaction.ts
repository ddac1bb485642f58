import type { z } from 'zod'
import { isDigest } from '../../contract/digest.ts'
import type { FactDeclarations, Facts } from '../../contract/fact.ts'
import type { Json, JsonObject } from '../../contract/json.ts'
import type { PlaybookContract } from '../../contract/playbook.ts'
import { isWritten } from '../../policy/decide/words.ts'
import { writtenFacts } from '../../privacy/reader.ts'
import { type Cover, coverOf, type Known, type Mark, MASKED_TEXT, personalIn } from '../../privacy/redact.ts'
import { fieldsOf, textIn } from '../fields.ts'
import type { AuditRecord, Entry } from '../record/types.ts'

/** The contracts of playbooks, by their names: what they do not name as something else counts as what somebody wrote. */
export type Contracts = ReadonlyMap<string, PlaybookContract>

/** In the place of what a policy wants blacked out. */
const BLACK = '[redacted]'

/** What the kernel, a host or a gateway made, or an operator's policy says, under these names with all that is in it; but what looks personal. */
const KEPT: ReadonlySet<string> = new Set(
  (
    'actionDigest assurance at attempt began buildId by caller came closedBy code currency deadline decision did digest effect ' +
    'event evidence fact flaw for goesOnAs groups help inputDigest issuedAt issuer kernelVersion keyId model nonce ' +
    'outputDigest payload policy policyDigest policyText principal proof receipt requestDigest resolution rule runId runKey ' +
    'scopes signature standing state statement step taskQueue threshold tool trust undo undoUntil waitingFor window with ' +
    'worker workflowType'
  ).split(' '),
)

/** What has a form of ours, with such names in it. */
const FORMS: ReadonlySet<string> = new Set([
  'answer',
  'approvals',
  'candidate',
  'decision',
  'edits',
  'failure',
  'matches',
  'said',
])

/** What a tool was asked and answered, and what a request says: contracts know. */
const TOLD = ['input', 'asked', 'output', 'request'] as const

interface Contract {
  readonly schemas: Readonly<Partial<Record<string, z.ZodType>>>
  readonly declares: FactDeclarations | undefined
}

/** Makes entries of one record fit for others to see: what nobody vouches for as something else reads `[text]`. */
export class Redaction {
  readonly #playbook: PlaybookContract | undefined
  readonly #known: readonly Known[]
  readonly #redacted: ReadonlySet<string>
  readonly #mark: Mark
  /** For entries without facts: all but decisions. */
  readonly #cover: Cover

  /** `redacted`: names of fields and facts of which nothing is told, whatever they hold. */
  constructor({ playbook, entries }: AuditRecord, contracts: Contracts, redacted: readonly string[]) {
    this.#redacted = new Set(redacted)
    this.#playbook = contracts.get(playbook ?? '')
    // Whoever said or did something stays known: that is what a record is for.
    const acted = new Set(entries.flatMap(({ by }) => by ?? []))
    this.#mark = (kind, value) => (acted.has(value) ? value : `[${kind}]`)
    this.#known = entries.flatMap(({ says }) => {
      const { schemas } = this.#contractOf(says)
      return TOLD.flatMap((name) => {
        const schema = schemas[name]
        return schema === undefined ? [] : personalIn(says[name], schema)
      })
    })
    this.#cover = coverOf({ mark: this.#mark, known: this.#known })
  }

  /** The entry, with what it says masked, and in place of its sentence what is plain of it. */
  shown(entry: Entry): Entry {
    const contract = this.#contractOf(entry.says)
    const facts = contract.declares === undefined ? [] : writtenFacts(factsIn(entry.says), contract.declares)
    const cover = facts.length === 0 ? this.#cover : coverOf({ mark: this.#mark, known: [...facts, ...this.#known] })
    const says = fieldsOf(this.#fields(entry.says, contract, cover))
    // What a message is stands where others have their words.
    const { message } = entry.says
    const named = message === 'decide' || message === 'undo' || message === 'resolve' ? { message } : {}
    const told = { ...says, ...named }
    return { ...entry, says: told, text: sentenceOf(entry, told) }
  }

  #contractOf({ tool: name }: JsonObject): Contract {
    const playbook = this.#playbook
    const tool = [...(playbook?.tools ?? []), ...(playbook?.thoughts ?? [])].find((one) => one.name === name)
    const { input, output } = tool ?? {}
    return {
      schemas: {
        ...(input && { input, asked: input }),
        ...(output && { output }),
        ...(playbook && { request: playbook.request }),
      },
      declares: tool?.kind === 'write' ? tool.declares : undefined,
    }
  }

  #fields(value: Json, contract: Contract, cover: Cover): Json {
    if (Array.isArray(value)) return (value as readonly Json[]).map((one) => this.#fields(one, contract, cover))
    if (typeof value !== 'object' || value === null) return masked(value)
    const { schemas, declares } = contract
    const shown = (name: string, inner: Json): Json => {
      const schema = schemas[name]
      if (schema !== undefined) return this.#blacked(cover.value(inner, schema) as Json)
      if (name === 'facts') return this.#blacked(factsShown(inner, declares))
      if (name === 'value') {
        const fact = textIn(fieldsOf(value)['fact'])
        return this.#redacted.has(fact) ? BLACK : factShown(fact, inner, declares)
      }
      if (name === 'because' && declares !== undefined && typeof inner === 'string' && !this.#isNamedIn(inner))
        return cover.text(inner)
      if (FORMS.has(name) && typeof inner === 'object') return this.#fields(inner, contract, cover)
      return KEPT.has(name) ? (cover.value(inner) as Json) : masked(inner)
    }
    return Object.fromEntries(Object.entries(value as JsonObject).map(([name, inner]) => [name, shown(name, inner)]))
  }

  /** Without what the policy wants blacked out, at whatever depth. */
  #blacked(value: Json): Json {
    if (this.#redacted.size === 0 || typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return (value as readonly Json[]).map((one) => this.#blacked(one))
    return Object.fromEntries(
      Object.entries(value as JsonObject).map(([name, inner]) => [
        name,
        this.#redacted.has(name) ? BLACK : this.#blacked(inner),
      ]),
    )
  }

  /** Whether a reason speaks of a fact that is blacked out. */
  #isNamedIn(because: string): boolean {
    const words = because.split(/[^A-Za-z0-9_]+/)
    return words.some((word) => this.#redacted.has(word))
  }
}

/** Without the texts in it; a digest is none. */
function masked(value: Json): Json {
  if (typeof value === 'string') return value === '' || isDigest(value) ? value : MASKED_TEXT
  if (Array.isArray(value)) return (value as readonly Json[]).map(masked)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value as JsonObject).map(([name, inner], at) => [isName(name) ? name : `${at}`, masked(inner)]),
  )
}

/** A name that somebody gave a field, and no value that stands as one. */
const isName = (text: string): boolean => /^[a-zA-Z_]{1,40}$/.test(text)

const factsIn = ({ facts }: JsonObject): Facts => fieldsOf(facts) as Facts

const factShown = (name: string, value: Json, declares: FactDeclarations = {}): Json =>
  typeof value === 'string' && !isWritten(name, declares) ? value : masked(value)

const factsShown = (facts: Json, declares: FactDeclarations | undefined): Json =>
  Object.fromEntries(Object.entries(fieldsOf(facts)).map(([name, value]) => [name, factShown(name, value, declares)]))

/** `decision of billing.refund-1: require_approval (requires_approval_if.refund_amount_usd_gte)` */
function sentenceOf({ kind, step, by }: Entry, says: JsonObject): string {
  const { effect, state, matches, failure, said, answer, code, came, began } = says
  const rules = (Array.isArray(matches) ? (matches as readonly Json[]) : []).map((match) =>
    textIn(fieldsOf(match)['rule']),
  )
  const words = [
    ...[effect, state, fieldsOf(said)['decision'], code, came, began].map(textIn),
    textIn(fieldsOf(answer)['code']),
    textIn(fieldsOf(failure)['code']),
  ].filter((word) => word !== '')
  const of = step === null || step === '' ? '' : ` of ${step}`
  const why = rules.length === 0 ? '' : ` (${rules.join(', ')})`
  const who = by === null || by === '' ? '' : ` by ${by}`
  return `${kind.replaceAll('_', ' ')}${of}${who}${words.length === 0 ? '' : `: ${words.join(', ')}`}${why}`
}
