import { saidOf } from '../said.ts'
import { fieldsOf, textIn } from '../fields.ts'
import type { Told } from '../told.ts'
import { type Activity, eventsOf, outcomeOf } from './activities.ts'
import { type Execution, type Found, line, objectsIn, refs, summaryOf, timeOf } from './execution.ts'
import { held } from './payloads.ts'

/** An execution with its activities. */
interface Done {
  readonly execution: Execution
  readonly activities: readonly Activity[]
}

/**
 * Effects that stand, or may stand, although the run did not end `completed`: when it was ended from outside nothing was undone, and
 * whatever else its result leaves behind. `all` is in the order in which they began.
 */
export function standingIn(all: readonly Done[]): readonly Found[] {
  const newest = all.at(-1)
  const last = newest?.execution.events.at(-1)
  if (newest === undefined || last === undefined) return []
  const { told } = newest.execution
  const steps = new Map(
    all.flatMap(({ execution, activities }) =>
      activities
        .filter(({ asked }) => asked.kind === 'write')
        .map((activity) => [activity.asked.step, { execution, activity }] as const),
    ),
  )
  const tell = (step: string, says: Found['says'], why: string): Found => {
    const { execution, activity } = steps.get(step) ?? {}
    const describe = activity === undefined ? '' : summaryOf(activity.scheduled)
    const evidence = execution === undefined || activity === undefined ? [] : refs(execution, ...eventsOf(activity))
    return {
      kind: 'incident',
      at: timeOf(last),
      step: line(step),
      events: [...refs(newest.execution, last), ...evidence],
      proof: 'server',
      by: null,
      says: { ...says, describe, input: held(fieldsOf(activity?.input.json)['input']) },
      text: `${line(step)}${describe === '' ? '' : ` (${describe})`} ${why}`,
    }
  }
  if (told.closing === 'ended outside') {
    return [...steps.keys()].flatMap((step) => {
      const state = leftOf(step, all)
      if (state === undefined) return []
      const why = state === 'done' ? 'was done and not undone' : 'may have been done, and was not undone'
      return tell(
        step,
        { code: 'effect_stands', state, closedBy: told.closedBy },
        `${why} when ${told.closedBy} ended the run: it has to be undone by hand unless it is to stand.`,
      )
    })
  }
  const { state, effects } = told.result
  return objectsIn(effects).flatMap((effect) => {
    const left = textIn(effect['state'])
    const stands = left === 'stuck' || (left === 'done' && state !== 'completed')
    const says = { code: 'effect_stands', state: left, closedBy: told.closedBy }
    return stands ? tell(textIn(effect['step']), says, `stands although the run ended ${line(textIn(state))}.`) : []
  })
}

/** What is left of an effect; `undefined`: nothing is. */
function leftOf(step: string, all: readonly Done[]): 'done' | 'unknown' | undefined {
  const told: readonly Told[] = all.map(({ execution }) => execution.told)
  const about = all.flatMap(({ activities }) => activities).filter(({ asked }) => asked.step === step)
  if (about.some(({ input }) => input.veil !== null)) {
    // Only that something was completed can be seen.
    const isUndone = about.some(
      ({ asked, ended }) => asked.kind === 'undo' && ended?.activityTaskCompletedEventAttributes,
    )
    return isUndone ? undefined : about.some((one) => outcomeOf(one).state === 'done') ? 'done' : 'unknown'
  }
  const said = saidOf(step, told)
  if (said === 'done') return 'done'
  if (said !== 'running') return undefined
  // A host answers with a failure that nothing happened; what ran out of time, or was not answered, nobody knows.
  const last = about.findLast(({ asked }) => asked.kind === 'write')
  return last === undefined || outcomeOf(last).state === 'failed' ? undefined : 'unknown'
}
