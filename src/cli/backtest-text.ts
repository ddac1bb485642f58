import { workflowIdOf } from '../contract/evidence.ts'
import { type Group, isChanged, type Place, type Redecided } from '../audit/backtest.ts'
import type { FactDeclarations } from '../contract/fact.ts'
import { formatMoney } from '../contract/money.ts'
import type { PlaybookContract } from '../contract/playbook.ts'
import { matchText } from '../contract/text.ts'
import { isWritten } from '../policy/decide/words.ts'
import { shownTo, textFor, writtenFacts } from '../privacy/reader.ts'
import { MASKED_TEXT } from '../privacy/redact.ts'
import type { Candidate, Tried } from './backtesting.ts'
import { plain } from './terminal.ts'
import { moment } from '../contract/moment.ts'

const MOST_SHOWN = 20

/** A backtest as a reader may see it: what matched may hold what somebody wrote. */
export function triedFor(reader: 'export', tried: Tried, { tools }: Pick<PlaybookContract, 'tools'>): Tried {
  const groups = tried.groups.map((group) => {
    const tool = tools.find(({ name }) => name === group.tool)
    const declares = tool?.kind === 'write' ? tool.declares : {}
    return { ...group, actions: group.actions.map((action) => actionFor(reader, action, declares)) }
  })
  const undecided = tried.undecided.map((each) => ({ ...each, why: textFor(reader, each.why) }))
  return { ...tried, groups, undecided }
}

function actionFor(reader: 'export', action: Redecided, declares: FactDeclarations): Redecided {
  const known = writtenFacts(action.facts, declares)
  const matches = action.decision.matches.map((match) => {
    const { because, fact, value } = match
    const told = typeof value === 'string' && isWritten(fact ?? '', declares) ? MASKED_TEXT : value
    return { ...match, ...shownTo(reader, { because, ...(told === undefined ? {} : { value: told }) }, { known }) }
  })
  return { ...action, facts: shownTo(reader, action.facts, { known }), decision: { ...action.decision, matches } }
}

/** A backtest as JSON, with every action. */
export const backtestJson = ({ file, digest, policy, playbook }: Candidate, tried: Tried) => ({
  policy: { file, workflow: policy.workflow, digest },
  playbook,
  since: tried.since?.toISOString() ?? null,
  until: tried.until?.toISOString() ?? null,
  runs: tried.runs,
  fromArchive: tried.fromArchive,
  erased: tried.erased,
  withoutHistory: tried.withoutHistory,
  decided: tried.decided,
  changed: tried.changed,
  groups: tried.groups.map(({ tool, before, after, money, actions }) => ({
    tool,
    before,
    after,
    count: actions.length,
    money,
    actions: actions.map((action) => ({
      workflowId: workflowIdOf(action.runKey),
      runKey: action.runKey,
      step: action.step,
      people: action.people,
      matches: action.decision.matches,
    })),
  })),
  undecided: tried.undecided.map(({ tool, why, actions }) => ({
    tool,
    why,
    count: actions.length,
    actions: actions.map((action) => ({ workflowId: workflowIdOf(action.runKey), ...action })),
  })),
})

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

/** A backtest as a person reads it: what changes, action by action, then what does not, then what nobody can tell. */
export function backtestLines({ file, digest, playbook }: Candidate, tried: Tried): readonly string[] {
  const { runs, fromArchive, erased, withoutHistory, decided, changed, groups, undecided, since, until } = tried
  const period = [since === null ? '' : ` since ${dateOf(since)}`, until === null ? '' : ` until ${dateOf(until)}`]
  const where = [
    fromArchive === 0 ? '' : `; ${fromArchive} of them from the archive`,
    erased === 0 ? '' : `; ${erased} of them erased, which tell of no action`,
    withoutHistory === 0 ? '' : `; of ${withoutHistory} more neither Temporal nor the archive has a history any more`,
  ].join('')
  return [
    `${file}  ${digest}`,
    `${counted(runs, 'run')} of ${playbook}${period.join('')}${where}`,
    ...groups.flatMap(groupLines),
    ...undecided.flatMap(({ tool, why, actions }) => [
      `${plain(tool)}  cannot be decided again  ${counted(actions.length, 'action')}  ${plain(why)}`,
      ...shown(actions, (action) => placeOf(action)),
    ]),
    `${counted(decided, 'action')} decided again, ${changed} of them otherwise`,
  ]
}

const dateOf = (date: Date): string => moment(date.toISOString())

function groupLines(group: Group): readonly string[] {
  const { tool, before, after, money, actions } = group
  const what = isChanged(group) ? `${before} → ${after}` : `${after} as before`
  const sums = Object.entries(money).map(([fact, sum]) => `${fact} ${formatMoney(sum)}`)
  const head = [plain(tool), what, counted(actions.length, 'action'), ...(sums.length > 0 ? [sums.join(', ')] : [])]
  if (!isChanged(group)) return [head.join('  ')]
  const lines = shown(actions, (action) => {
    const people = action.people === null ? [] : [`people ${action.people} it`]
    const why = action.decision.matches.map(matchText).join('; ') || 'no rule'
    return [placeOf(action), ...people, plain(why)].join('  ')
  })
  return [head.join('  '), ...lines]
}

const placeOf = (place: Place): string => `${plain(workflowIdOf(place.runKey))}  ${plain(place.step)}`

/** The first of them, and how many more there are. */
function shown<T extends Place>(actions: readonly T[], textOf: (action: T) => string): readonly string[] {
  const more = actions.length - MOST_SHOWN
  return [
    ...actions.slice(0, MOST_SHOWN).map((action) => `  ${textOf(action)}`),
    ...(more > 0 ? [`  and ${more} more: --json lists all`] : []),
  ]
}
