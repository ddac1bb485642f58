/**
 * The JSON Schema of the policy language, made of the tables that the loader reads by, so that editors complete and check
 * policies: `node scripts/policy-schema.ts` writes it. It takes every policy that the loader takes. What it cannot know, the
 * facts of a playbook first of all, only `countersign policy check` tells.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isTrustedLess, TRUSTS } from '../src/contract/fact.ts'
import { RISKS } from '../src/contract/tool.ts'
import { type FactType, OPERATOR_RULES } from '../src/policy/decide/operators.ts'
import {
  APPROVALS,
  APPROVALS_KEYS,
  MINUTES_A_YEAR,
  MOST_APPROVALS,
  MOST_GROUPS,
  MOST_REMINDERS,
  ON_TIMEOUT,
  UNSIGNED,
} from '../src/policy/load/approvals.ts'
import { AUDIT, AUDIT_KEYS, LOG_LEVELS, MOST_REDACTIONS, MOST_RETENTION_DAYS } from '../src/policy/load/audit.ts'
import { BUDGET_KEYS, ENTRY_KEYS, MOST_ENTRIES, MOST_TOOL_CALLS, ON_EXCEEDED } from '../src/policy/load/budget.ts'
import { LONGEST_CEL } from '../src/policy/load/cel.ts'
import { DATA_KEYS, MOST_RETAIN_DAYS } from '../src/policy/load/data.ts'
import { DEMANDED_KINDS, EVIDENCE_KEYS, LEAST_RISK, MOST_DEMANDS } from '../src/policy/load/evidence.ts'
import { MOST_USD_DIGITS } from '../src/policy/load/found.ts'
import {
  LEAST_WARM_UP,
  LIMIT_KEYS,
  MEASURES,
  MOST_EFFECTS,
  MOST_LIMIT_USD,
  MOST_LIMITS,
  MOST_SCORE,
  MOST_WARM_UP,
  ON_REACHED,
} from '../src/policy/load/limits.ts'
import { MOST_OPERANDS } from '../src/policy/load/operands.ts'
import { KEYS, ROLLBACK_KEYS } from '../src/policy/load/parse.ts'
import { EFFECTS, ID, LONGEST_BECAUSE, MOST_PARTS, MOST_RULES, RULE_KEYS } from '../src/policy/load/rules.ts'
import { DEMANDS_NOTHING, ON_LESS, TRUST_KEYS } from '../src/policy/load/trust.ts'
import { AUTONOMY_LEVELS, type Autonomy, type Operator, OPERATORS } from '../src/policy/types.ts'

const FILE = join(import.meta.dirname, '..', 'policies', 'policy.schema.json')

type Schema = Readonly<Record<string, unknown>>

/** A map with these keys and no others, as the loader has them. */
const map = <Key extends string>(
  keys: readonly Key[],
  properties: Readonly<Record<Key, Schema>>,
  more: Schema = {},
) => ({
  type: 'object',
  additionalProperties: false,
  properties: Object.fromEntries(keys.map((key) => [key, properties[key]])),
  ...more,
})
const oneOf = (names: readonly string[], described: string, more: Schema = {}): Schema => ({
  type: 'string',
  enum: [...names],
  description: described,
  ...more,
})
const whole = (minimum: number, maximum: number, described: string, more: Schema = {}): Schema => ({
  type: 'integer',
  minimum,
  maximum,
  description: described,
  ...more,
})
const list = (items: Schema, most: number, more: Schema = {}): Schema => ({
  type: 'array',
  items,
  minItems: 1,
  maxItems: most,
  ...more,
})
const filled = { type: 'string', pattern: String.raw`\S` } as const
const dollars = (described: string): Schema => ({
  type: 'number',
  minimum: 0,
  exclusiveMaximum: 10 ** MOST_USD_DIGITS,
  description: described,
})

const JSON_TYPES: Readonly<Record<FactType, string>> = {
  money: 'number',
  number: 'number',
  text: 'string',
  enum: 'string',
  boolean: 'boolean',
}

/** What an operator takes, of whatever fact. */
function operandOf(operator: Operator): Schema {
  const { types, takes } = OPERATOR_RULES[operator]
  if (operator === 'exists') return { type: 'boolean' }
  const one = { type: [...new Set(types.map((type) => JSON_TYPES[type]))] }
  const many = list(one, MOST_OPERANDS, { uniqueItems: true })
  return takes === 'one' ? one : takes === 'list' ? many : { anyOf: [one, many] }
}

/** `<fact>_<operator>`, by the operator that a key ends with. */
const TRIGGERS = Object.fromEntries(OPERATORS.map((operator) => [`._${operator}$`, operandOf(operator)]))

const triggers = (described: string): Schema => ({
  type: 'object',
  additionalProperties: false,
  patternProperties: TRIGGERS,
  description: described,
})

const when = { $ref: '#/$defs/condition' } as const
const conditions = list(when, MOST_PARTS)
const cel: Schema = {
  type: 'string',
  minLength: 1,
  maxLength: LONGEST_CEL,
  description: 'An expression in CEL, such as `refund_amount_usd * 2 > refunded_total_usd`.',
}
const condition: Schema = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  properties: { all: conditions, any: conditions, not: when, cel },
  patternProperties: TRIGGERS,
  description:
    'Tests such as `refund_amount_usd_gte: 50`, `all`, `any` and `not`, and an expression in `cel`. All keys of one map must hold.',
}

const quorum = whole(1, MOST_APPROVALS, 'How many people have to approve.')
const groups = (description: string): Schema => list(filled, MOST_GROUPS, { uniqueItems: true, description })

const rule = map(
  RULE_KEYS,
  {
    id: { type: 'string', pattern: ID.source, description: 'Stands on the record as `rules.<id>`.' },
    effect: oneOf(EFFECTS, 'What the rule does when it matches.'),
    when,
    because: { ...filled, maxLength: LONGEST_BECAUSE, description: 'The reason, in your words.' },
    quorum,
    approvers: groups('The groups that they are in, as `identity.yaml` names them.'),
  },
  {
    required: ['id', 'effect', 'when'],
    dependentSchemas: Object.fromEntries(
      ['quorum', 'approvers'].map((key) => [key, { properties: { effect: { const: 'require_approval' } } }]),
    ),
  },
)

const limit = map(
  LIMIT_KEYS,
  {
    id: { type: 'string', pattern: ID.source, description: 'Stands on the record as `limits.<id>`.' },
    tool: { type: 'string', minLength: 1, description: 'The write that is limited.' },
    per: { ...filled, description: 'Who is counted: principal, workspace, playbook, a subject or a fact of the tool.' },
    window_minutes: whole(1, MINUTES_A_YEAR, 'The window, which slides.'),
    at_most: whole(0, MOST_EFFECTS, 'How many effects may stand.'),
    at_most_usd: { type: 'number', minimum: 0, maximum: MOST_LIMIT_USD, description: 'How much they may come to.' },
    score_gte: {
      type: 'number',
      exclusiveMinimum: 0,
      maximum: MOST_SCORE,
      description: 'How unusual an amount may not be.',
    },
    of: { ...filled, description: 'The money that is added up or scored.' },
    warm_up: whole(LEAST_WARM_UP, MOST_WARM_UP, 'How many effects a score needs.'),
    on_warm_up: oneOf(ON_REACHED, 'What becomes of an action before there is a score. Default: nothing.'),
    on_reached: oneOf(ON_REACHED, 'What becomes of an action beyond it.'),
  },
  {
    required: ['id', 'tool', 'per', 'window_minutes', 'on_reached'],
    oneOf: MEASURES.map((key) => ({ required: key === 'score_gte' ? [key, 'of', 'warm_up'] : [key] })),
    dependentSchemas: {
      at_most: { properties: { of: false } },
      at_most_usd: { required: ['of'] },
      warm_up: { required: ['score_gte'] },
      on_warm_up: { required: ['score_gte'] },
    },
  },
)

const demand = map(
  EVIDENCE_KEYS,
  {
    kind: oneOf(DEMANDED_KINDS, 'What some cited evidence has to be.'),
    risk: oneOf(RISKS, 'The least risk of the writes that it is about.', { default: LEAST_RISK }),
    fresh_minutes: whole(1, MINUTES_A_YEAR, 'How old it may be when the write is scheduled. Default: any age.'),
  },
  { required: ['kind'] },
)

const caps = {
  model_budget_usd: dollars('The most that a run spends on models, in US dollars.'),
  max_tool_calls: whole(0, MOST_TOOL_CALLS, 'How many reads and writes a run makes.'),
}

const entry = map(
  ENTRY_KEYS,
  { at_least_usd: { type: 'number', exclusiveMinimum: 0, description: 'From which value of a run on.' }, ...caps },
  {
    required: ['at_least_usd'],
    anyOf: [{ required: ['model_budget_usd'] }, { required: ['max_tool_calls'] }],
    description: 'Higher caps for runs of at least a value.',
  },
)

/** Of `trust.at_least`: what some fact can fall short of. */
const DEMANDS = TRUSTS.filter((trust) => TRUSTS.some((less) => isTrustedLess(less, trust)))

const where = (key: string, value: string): Schema => ({ properties: { [key]: { const: value } }, required: [key] })
const isLevel = (level: Autonomy): Schema => where('autonomy', level)

/** The schema, in the order of the loader's keys. */
export const policySchema = (): Schema => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Countersign policy',
  description: 'See docs/writing-a-policy.md. `countersign policy check` also knows the facts of the playbook.',
  ...map(KEYS, {
    workflow: { type: 'string', minLength: 1, description: 'The wire name of the playbook.' },
    autonomy: oneOf(
      AUTONOMY_LEVELS,
      'suggest: drafts only. execute_with_approvals: every write is approved. execute_under_policy: the rules decide, within limits.',
    ),
    ...caps,
    budget: map(BUDGET_KEYS, {
      on_exceeded: oneOf(ON_EXCEEDED, 'What happens beyond a cap.', { default: 'escalate' }),
      by_value: list(entry, MOST_ENTRIES),
    }),
    requires_approval_if: triggers('Triggers, any of which asks for approval.'),
    deny_if: triggers('Triggers, any of which refuses.'),
    rules: list(rule, MOST_RULES, { description: 'Named rules.' }),
    limits: list(limit, MOST_LIMITS, { description: 'How much may stand within a sliding window, of each subject.' }),
    trust: map(
      TRUST_KEYS,
      {
        at_least: {
          type: 'object',
          additionalProperties: oneOf(DEMANDS, 'How far the fact has to be trusted.'),
        },
        on_less: oneOf(ON_LESS, 'What becomes of an action with a fact that is trusted less.', {
          default: DEMANDS_NOTHING.onLess,
        }),
      },
      { required: ['at_least'] },
    ),
    evidence: list(demand, MOST_DEMANDS, {
      description: 'What writes have to rest on beside what their contracts need.',
    }),
    approvals: map(APPROVALS_KEYS, {
      expires_minutes: whole(1, MINUTES_A_YEAR, 'From the question to its deadline.', {
        default: APPROVALS.expiresMinutes,
      }),
      on_timeout: oneOf(ON_TIMEOUT, 'What becomes of the run when nobody decides.', { default: APPROVALS.onTimeout }),
      quorum,
      who: groups('The groups of those who may approve. Default: whoever did not ask for it.'),
      unsigned: oneOf(UNSIGNED, 'Whether a name without a statement counts, on hosts for development.', {
        default: 'refuse',
      }),
      reminders: list(whole(1, MINUTES_A_YEAR, 'Minutes from the question.'), MOST_REMINDERS, {
        uniqueItems: true,
        description: 'When people are reminded, by workers that are started with --notify.',
      }),
    }),
    audit: map(AUDIT_KEYS, {
      log_level: oneOf(LOG_LEVELS, 'Whether every write needs a source beside a model.', { default: AUDIT.logLevel }),
      export: { ...filled, description: 'Where records are to go. Kept and shown; not acted on yet.' },
      retention_days: whole(1, MOST_RETENTION_DAYS, 'How long records are kept. Kept and shown; not acted on yet.'),
      redaction: list(filled, MOST_REDACTIONS, {
        uniqueItems: true,
        description: 'Fields that are blacked out. Kept and shown; not acted on yet.',
      }),
    }),
    data: map(
      DATA_KEYS,
      { retain_days: whole(1, MOST_RETAIN_DAYS, 'How long what a run holds is kept once it has closed.') },
      { required: ['retain_days'] },
    ),
    rollback: map(
      ROLLBACK_KEYS,
      {
        enabled: { type: 'boolean', description: 'Whether a completed run can be undone.' },
        window_minutes: whole(0, MINUTES_A_YEAR, 'How long after it.'),
        who: groups('The groups of those who may undo it and resolve incidents. Default: whoever is in the workspace.'),
      },
      {
        required: ['enabled'],
        if: { properties: { enabled: { const: true } } },
        // oxlint-disable-next-line unicorn/no-thenable -- a word of JSON Schema
        then: { required: ['window_minutes'] },
      },
    ),
  }),
  required: ['workflow'],
  allOf: [
    {
      if: isLevel('execute_under_policy'),
      // oxlint-disable-next-line unicorn/no-thenable -- as above
      then: {
        required: Object.keys(caps),
        anyOf: ['requires_approval_if', 'deny_if', 'rules'].map((key) => ({ required: [key] })),
      },
    },
    {
      if: isLevel('suggest'),
      // oxlint-disable-next-line unicorn/no-thenable -- as above
      then: { not: { properties: { budget: where('on_exceeded', 'ask') }, required: ['budget'] } },
    },
  ],
  $defs: { condition },
})

/** What the file holds. */
export const policySchemaText = (): string => `${JSON.stringify(policySchema(), undefined, 2)}\n`

if (process.argv[1] === import.meta.filename) writeFileSync(FILE, policySchemaText())
