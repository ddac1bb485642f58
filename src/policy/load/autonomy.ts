import { type Autonomy, AUTONOMY_LEVELS, type Policy } from '../types.ts'
import { readOneOf, type Reader } from './found.ts'
import type { Section } from './section.ts'

const CAPS = ['model_budget_usd', 'max_tool_calls'] as const

type Rest = Pick<Policy, 'budget' | 'denyIf' | 'requiresApprovalIf' | 'rules'>

/** Whether some trigger or rule can keep a write back. */
const keepsBack = ({ denyIf, requiresApprovalIf, rules = [] }: Rest): boolean =>
  denyIf.length + requiresApprovalIf.length > 0 || rules.some(({ effect }) => effect !== 'allow')

/**
 * Reads the level of a policy, after all else of it. `isSound`: whether that could be read, so that what is missing from
 * it is not only what was reported already.
 */
export const readAutonomy =
  (top: Section<(typeof CAPS)[number]>, rest: Rest, isSound: boolean): Reader<Autonomy> =>
  (found, report) => {
    const level = readOneOf(AUTONOMY_LEVELS)(found, report)
    if (level === 'suggest' && rest.budget.onExceeded === 'ask') {
      const message = `\`${found.name}: suggest\` asks nothing of people, and \`budget.on_exceeded\` is \`ask\`.`
      report.at(found.offset, message, 'write `escalate` or `refuse` there.')
    }
    if (level === 'execute_under_policy') {
      const lacks = CAPS.filter((key) => !top.has(key)).map((key) => `\`${key}\``)
      if (isSound && !keepsBack(rest)) lacks.push('any trigger or rule that can keep a write back')
      if (lacks.length > 0) {
        const message = `\`${found.name}: ${level}\` is only for policies with limits, and this one lacks ${lacks.join(', ')}.`
        report.at(found.offset, message, 'add what it lacks, or write `execute_with_approvals`.')
      }
    }
    return level
  }
