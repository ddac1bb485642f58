import { type Digest, digestOfText } from '../../contract/digest.ts'
import { deepFreeze } from '../../contract/json.ts'
import { factsOf, type PlaybookContract, slugOf } from '../../contract/playbook.ts'
import { quoted } from '../decide/words.ts'
import type { Policy } from '../types.ts'
import { APPROVALS, MINUTES_A_YEAR, readApprovals, readGroups } from './approvals.ts'
import { AUDIT, readAudit } from './audit.ts'
import { readAutonomy } from './autonomy.ts'
import { readBudget, readCaps } from './budget.ts'
import { readData } from './data.ts'
import { readEvidence } from './evidence.ts'
import { readBoolean, type Reader, readText, readWholeNumber } from './found.ts'
import { readLimits } from './limits.ts'
import { suggestion } from './nearest.ts'
import { type PolicyProblem, Report } from './problem.ts'
import { readRules } from './rules.ts'
import { readSection, Section } from './section.ts'
import { readSource } from './source.ts'
import { readTriggers } from './triggers.ts'
import { DEMANDS_NOTHING, readTrust } from './trust.ts'

/** A policy that can be used, with the text that it was read from. */
export interface LoadedPolicy {
  readonly policy: Policy
  /** SHA-256 of the text, byte for byte. */
  readonly digest: Digest
  readonly text: string
  /** The playbook that it is the policy of. */
  readonly workflow: string
}

export type ParsedPolicy =
  | ({ readonly ok: true } & LoadedPolicy)
  | {
      readonly ok: false
      readonly problems: readonly PolicyProblem[]
      /** The playbook that it says it is the policy of; `null` when it names none that is known. */
      readonly workflow: string | null
    }

export const KEYS = [
  'workflow',
  'autonomy',
  'model_budget_usd',
  'max_tool_calls',
  'budget',
  'requires_approval_if',
  'deny_if',
  'rules',
  'limits',
  'trust',
  'evidence',
  'approvals',
  'audit',
  'data',
  'rollback',
] as const

const BUDGET: Policy['budget'] = { onExceeded: 'escalate' }
const ROLLBACK: Policy['rollback'] = { enabled: false, windowMinutes: 0 }
export const ROLLBACK_KEYS = ['enabled', 'window_minutes', 'who'] as const

const readRollback = readSection(ROLLBACK_KEYS, (section): Policy['rollback'] => {
  const enabled = section.require('enabled', readBoolean, false)
  const minutes = readWholeNumber(0, MINUTES_A_YEAR)
  const windowMinutes = enabled
    ? section.require('window_minutes', minutes, 0)
    : section.read('window_minutes', minutes, 0)
  const who = section.read('who', readGroups, undefined)
  // Who reads only the window of a disabled rollback must find none.
  return { enabled, windowMinutes: enabled ? windowMinutes : 0, ...(who === undefined ? {} : { who }) }
})

/** Absent where there are none, so that what is stored of a policy without them stays what it was. */
const rulesOf = (rules: Policy['rules']): Pick<Policy, 'rules'> => (rules === undefined ? {} : { rules })
const limitsOf = (limits: Policy['limits']): Pick<Policy, 'limits'> => (limits === undefined ? {} : { limits })
const evidenceOf = (evidence: Policy['evidence']): Pick<Policy, 'evidence'> =>
  evidence === undefined ? {} : { evidence }
const dataOf = (data: Policy['data']): Pick<Policy, 'data'> => (data === undefined ? {} : { data })

const readWorkflow =
  (
    contracts: readonly PlaybookContract[],
    owner: PlaybookContract | undefined,
    file: string,
  ): Reader<PlaybookContract> =>
  (found, report) => {
    const name = readText(found, report)
    if (name === undefined) return undefined
    const contract = contracts.find((each) => each.name === name)
    if (contract === undefined) {
      const names = contracts.map((each) => each.name)
      const help = suggestion(name, names, 'the known playbooks are')
      return report.at(found.offset, `unknown workflow ${quoted(name)}.`, help)
    }
    if (owner !== undefined && contract !== owner) {
      const message = `${quoted(name)} is another playbook: a file of this name is the policy of ${quoted(owner.name)}.`
      const own = `${slugOf(name)}${file.endsWith('.candidate.yaml') ? '.candidate' : ''}.yaml`
      report.at(found.offset, message, `rename it to ${quoted(own)}, or mend its \`workflow\`.`)
    }
    return contract
  }

/**
 * Reads the text of a policy and checks it against the contract of its playbook. `file` is only for messages;
 * `owner` is the playbook that the name of the file calls for, if any.
 * Either a frozen policy, or every problem that was found, in the order of the text; what it means is looked at once it
 * is plain YAML. Never throws and never hangs, whatever the text. No file is read.
 */
export function parsePolicy(
  text: string,
  file: string,
  contracts: readonly PlaybookContract[],
  owner?: PlaybookContract,
): ParsedPolicy {
  const report = new Report(file, text)
  const map = readSource(text, report)
  if (map === undefined) return { ok: false, problems: report.problems, workflow: null }

  const top = new Section(map, '', KEYS, report)
  const contract = top.require('workflow', readWorkflow(contracts, owner, file), undefined)
  const facts = contract ?? owner
  const known = facts === undefined ? undefined : factsOf(facts)
  const triggers = readTriggers(known)
  const caps = readCaps(top)
  const rest: Omit<Policy, 'workflow'> = {
    modelBudgetMicroUsd: caps.modelBudgetMicroUsd ?? null,
    maxToolCalls: caps.maxToolCalls ?? null,
    budget: top.read('budget', readBudget(caps, facts, BUDGET), BUDGET),
    denyIf: top.read('deny_if', triggers, []),
    requiresApprovalIf: top.read('requires_approval_if', triggers, []),
    ...rulesOf(top.read('rules', readRules(known), undefined)),
    ...limitsOf(top.read('limits', readLimits(facts), undefined)),
    trust: top.read('trust', readTrust(known), DEMANDS_NOTHING),
    ...evidenceOf(top.read('evidence', readEvidence(facts), undefined)),
    approvals: top.read('approvals', readApprovals, APPROVALS),
    audit: top.read('audit', readAudit, AUDIT),
    ...dataOf(top.read('data', readData, undefined)),
    rollback: top.read('rollback', readRollback, ROLLBACK),
  }
  const isSound = facts !== undefined && report.isEmpty
  const autonomy = top.read('autonomy', readAutonomy(top, rest, isSound), undefined)
  if (contract === undefined || !report.isEmpty) {
    return { ok: false, problems: report.problems, workflow: contract?.name ?? null }
  }
  const policy = deepFreeze<Policy>({
    workflow: contract.name,
    ...(autonomy === undefined ? {} : { autonomy }),
    ...rest,
  })
  return { ok: true, policy, digest: digestOfText(text), text, workflow: contract.name }
}
