import type { temporal } from '@temporalio/proto'
import type { Decision, Match } from '../contract/action.ts'
import type { Facts, FactValue } from '../contract/fact.ts'
import type { Json, JsonObject } from '../contract/json.ts'
import { isMoney } from '../contract/money.ts'
import { askedStep } from '../contract/question.ts'
import { type Reached, reachedIn } from '../contract/reached.ts'
import { bulkDigestOf } from '../ledger/bulk-codec.ts'
import { EFFECTS_BY_FORCE } from '../policy/decide/index.ts'
import { fieldsOf, saidIn, textIn } from './fields.ts'
import type { Told } from './told.ts'

type Event = temporal.api.history.v1.IHistoryEvent

/** An action that the policy of a run decided on, as its history has it: the last time that it did. */
export interface DecidedAction {
  readonly step: string
  readonly tool: string
  /** What was decided, and on which facts; a text: why the history does not tell. */
  readonly ruling: Ruling | string
}

/** A decision as it was made, with the facts that it was made on. */
export interface Ruling {
  readonly decision: Decision
  readonly facts: Facts
  /** What a host had found of limits over time; absent: nothing. */
  readonly reached?: readonly Reached[]
  /** What people said, where they were asked; `null`: nobody was, or nobody answered. */
  readonly people: 'approved' | 'rejected' | null
}

/**
 * The actions of a history that a policy decided on: those that were warranted or drafted, that which ended the run, and, without
 * their facts, those that people were asked about and that came to neither, and those that only the ledger tells of. What a
 * playbook or the evidence refused no policy decided. `steps` and `result` are what the history says otherwise.
 */
export function decidedIn(
  events: readonly Event[],
  { steps, result }: Pick<Told, 'steps' | 'result'>,
): readonly DecidedAction[] {
  const told = events.flatMap((event) => warrantedBy(event) ?? askedBy(event) ?? [])
  const before = steps.filter(({ kind }) => kind === 'ledger')
  const elsewhere = before.map(({ step, tool }) => ({ step, tool, ruling: 'another history of the run tells of it' }))
  return lastOfEach([...told, ...endedBy(result), ...draftedIn(result), ...elsewhere])
}

/** Each step once, with the last ruling that is told, else with why there is none. */
export function lastOfEach(actions: readonly DecidedAction[]): readonly DecidedAction[] {
  const last = new Map<string, DecidedAction>()
  for (const action of actions) {
    if (typeof action.ruling !== 'string' || !last.has(action.step)) last.set(action.step, action)
  }
  return [...last.values()]
}

function warrantedBy({ activityTaskScheduledEventAttributes: scheduled }: Event): DecidedAction | undefined {
  if (!scheduled) return undefined
  const { activityId, activityType, input } = scheduled
  const step = activityId ?? ''
  const tool = activityType?.name ?? ''
  if (input?.payloads?.some((payload) => bulkDigestOf(payload) !== undefined)) {
    // Only that of a tool is looked at by whoever knows which tools write.
    return { step, tool, ruling: 'what is kept beside the history of it is missing' }
  }
  const warrant = fieldsOf(fieldsOf(saidIn(input))['warrant'])
  const { kind, facts, decision, approvals } = warrant
  if (kind !== 'act') return undefined
  const { effect, matches } = fieldsOf(decision)
  const decided = decisionOf(matches, effect)
  if (decided === undefined) return { step, tool, ruling: 'its warrant cannot be read' }
  const people = Array.isArray(approvals) && approvals.length > 0 ? 'approved' : null
  return { step, tool, ruling: { decision: decided, facts: factsOf(facts), ...foundIn(warrant), people } }
}

/** Of whom people are asked stands in the history before their answer, and not on which facts. */
function askedBy({ timerStartedEventAttributes: timer, userMetadata }: Event): DecidedAction | undefined {
  const { summary } = userMetadata ?? {}
  if (!timer || !summary) return undefined
  const step = askedStep(textIn(saidIn({ payloads: [summary] }))) ?? ''
  // A tool is named `system.verb`; other questions are about limits.
  const [tool = ''] = step.split('-')
  return tool.includes('.')
    ? { step, tool, ruling: 'people were asked, and the history does not tell on which facts' }
    : undefined
}

/** The action that the policy or people said no to, which ended the run. */
function endedBy(result: JsonObject): readonly DecidedAction[] {
  const { code, rules, facts, action } = fieldsOf(result['because'])
  const { step, tool } = fieldsOf(action)
  const decision = decisionOf(rules)
  if (decision === undefined || decision.matches.length === 0 || textIn(step) === '') return []
  const people = code === 'approval_rejected' ? 'rejected' : null
  return [
    {
      step: textIn(step),
      tool: textIn(tool),
      ruling: { decision, facts: factsOf(facts), ...foundIn(fieldsOf(action)), people },
    },
  ]
}

/** The actions that the policy of the run only had drafted. */
function draftedIn({ drafts }: JsonObject): readonly DecidedAction[] {
  return (Array.isArray(drafts) ? drafts : []).map(fieldsOf).flatMap(({ action: drafted, decision: said }) => {
    const action = fieldsOf(drafted)
    const { effect, matches } = fieldsOf(said)
    const decision = decisionOf(matches, effect)
    const { step, tool, facts } = action
    if (decision === undefined || textIn(step) === '') return []
    return [
      {
        step: textIn(step),
        tool: textIn(tool),
        ruling: { decision, facts: factsOf(facts), ...foundIn(action), people: null },
      },
    ]
  })
}

/** What an action or a warrant has of limits over time. */
function foundIn(fields: Readonly<Record<string, unknown>>): Pick<Ruling, 'reached'> {
  const reached = reachedIn(fields)
  return reached === undefined ? {} : { reached }
}

/** The strongest match comes first, and is the decision where none is told; `undefined`: it is none. */
function decisionOf(rules: Json | undefined, told?: Json): Decision | undefined {
  if (!Array.isArray(rules)) return undefined
  const matches = (rules as readonly Json[]).map(fieldsOf)
  const effect = EFFECTS_BY_FORCE.find((one) => one === (told ?? matches[0]?.['effect'] ?? 'allow'))
  const areMatches = matches.every(({ rule, because }) => typeof rule === 'string' && typeof because === 'string')
  return effect === undefined || !areMatches ? undefined : { effect, matches: matches as unknown as readonly Match[] }
}

const isFactValue = (value: Json): value is FactValue & Json =>
  isMoney(value) || typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string'

const factsOf = (facts: Json | undefined): Facts =>
  Object.fromEntries(
    Object.entries(fieldsOf(facts)).flatMap(([name, value]) => (isFactValue(value) ? [[name, value]] : [])),
  )
