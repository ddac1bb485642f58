import type { Match } from '../../contract/action.ts'
import type { Autonomy, Policy } from '../types.ts'

const LEVELS: Readonly<Record<Autonomy, Pick<Match, 'effect' | 'because'>>> = {
  suggest: { effect: 'suggest', because: 'the policy only suggests, so every write is drafted and none is done' },
  execute_with_approvals: { effect: 'require_approval', because: 'the policy has every write approved' },
  execute_under_policy: { effect: 'allow', because: 'the rules of the policy decide alone, within its limits' },
}

/** What the level of a policy makes of every write; nothing where it has none. */
export const levelOf = ({ autonomy }: Policy): readonly Match[] =>
  autonomy === undefined ? [] : [{ rule: `autonomy.${autonomy}`, ...LEVELS[autonomy] }]
