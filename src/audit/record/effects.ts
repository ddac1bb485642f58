import { fieldsOf, textIn } from '../fields.ts'
import { type Activity, attemptOf, CAME_TO, eventsOf, type Outcome, outcomeOf, proofOf } from './activities.ts'
import { attested, cameSentence, stopsIn, veiledSentence } from './attested.ts'
import { type Execution, type Found, type Known, line, refs, summaryOf, timeOf } from './execution.ts'
import { held, type Veil, veiledSays } from './payloads.ts'

/** What the run did, and what was undone of it or barred from happening. */
export async function effectsIn(
  execution: Execution,
  activities: readonly Activity[],
  known: Known,
): Promise<readonly Found[]> {
  const found: Found[] = []
  for (const activity of activities) {
    const { asked, ended } = activity
    if (asked.kind === 'reading') continue
    found.push(asked.kind === 'write' ? await writeIn(execution, activity, known) : undoIn(execution, activity))
    found.push(...stopsIn(execution, ended, asked.step, outcomeOf(activity).failure))
  }
  return found
}

async function writeIn(execution: Execution, activity: Activity, known: Known): Promise<Found> {
  const { scheduled, input, asked } = activity
  const { step, tool, inputDigest } = asked
  const outcome = outcomeOf(activity)
  const what = await attested(outcome, { step, tool, inputDigest }, known)
  const { actionDigest, undo } = fieldsOf(fieldsOf(input.json)['warrant'])
  const describe = summaryOf(scheduled)
  const events = eventsOf(activity)
  return {
    kind: 'tool_call',
    at: timeOf(events[0]),
    step,
    events: refs(execution, ...events),
    proof: proofOf(outcome.state, what.proof),
    by: outcome.state === 'done' ? what.by : outcome.identity || null,
    says: {
      tool,
      describe,
      state: outcome.state,
      input: held(fieldsOf(input.json)['input']),
      inputDigest,
      actionDigest: actionDigest ?? null,
      undo: undo ?? null,
      attempt: attemptOf(activity),
      worker: outcome.identity,
      ...(outcome.state === 'done' ? what.says : { failure: outcome.failure }),
    },
    text: cameSentence(outcome, what, `${line(tool)} (${describe || line(step)})`),
  }
}

/** What undid an effect, or barred it from happening. */
function undoIn(execution: Execution, activity: Activity): Found {
  const { asked, scheduled, input } = activity
  const outcome = outcomeOf(activity)
  const { why, by, statement } = fieldsOf(fieldsOf(input.json)['warrant'])
  const { state, text } = fieldsOf(outcome.answer.json)
  const veil: Veil | null = outcome.answer.veil ?? input.veil
  const events = eventsOf(activity)
  return {
    kind: why === 'undo_requested' ? 'undo' : 'compensation',
    at: timeOf(events[0]),
    step: asked.step,
    events: refs(execution, ...events),
    // An undo has no receipt: only the ledger can say whether it happened.
    proof: outcome.state === 'done' ? (veil ?? 'claimed') : proofOf(outcome.state, 'claimed'),
    by: textIn(by) || null,
    says: {
      tool: asked.tool,
      describe: summaryOf(scheduled),
      state: outcome.state === 'done' ? (state ?? null) : outcome.state,
      why: why ?? null,
      nonce: fieldsOf(statement)['nonce'] ?? null,
      attempt: attemptOf(activity),
      worker: outcome.identity,
      ...(outcome.state === 'done'
        ? veil === null
          ? { told: held(text) }
          : veiledSays(outcome.answer)
        : { failure: outcome.failure }),
    },
    text: undoSentence(asked.step, outcome, textIn(state), textIn(text), textIn(why), textIn(by)),
  }
}

function undoSentence(step: string, outcome: Outcome, state: string, told: string, why: string, by: string): string {
  const reason = why === '' ? '' : ` (${line(why)}${by === '' ? '' : `, by ${line(by)}`})`
  if (outcome.answer.veil !== null) return veiledSentence(outcome.answer, `What came of undoing ${line(step)}`) ?? ''
  if (outcome.state !== 'done') {
    const failed = outcome.failure === null ? '' : `: ${line(textIn(outcome.failure['message']))}`
    return `The undo of ${line(step)}${reason} ${CAME_TO[outcome.state]}${failed}.`
  }
  const came = state === 'not_done' ? 'had not happened, and is barred from happening' : 'was undone'
  return `A host says that ${line(step)} ${came}${reason}: ${line(told)}.`
}
