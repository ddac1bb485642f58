import { type Action, actionDigestOf, citationOf } from '../../contract/action.ts'
import { digestOfText } from '../../contract/digest.ts'
import type { Evidence } from '../../contract/evidence.ts'
import { type Json, type JsonObject } from '../../contract/json.ts'
import { changeText } from '../../contract/text.ts'
import { type DecisionWord } from '../../contract/statement.ts'
import { fieldsOf, textIn } from '../fields.ts'
import { isPreview } from '../told.ts'
import type { Activity } from './activities.ts'
import {
  type Event,
  type Execution,
  type Found,
  type Known,
  line,
  type Local,
  objectsIn,
  refs,
  summaryOf,
  timeOf,
} from './execution.ts'
import { veiledSentence } from './attested.ts'
import { held, readIn, veiledSays } from './payloads.ts'
import { vouched } from './statements.ts'

/** What was going to be done, what was shown of it, and what the policy said, in one execution. */
export async function decisionsIn(
  execution: Execution,
  activities: readonly Activity[],
  known: Known,
): Promise<readonly Found[]> {
  const warrants = activities.filter(({ asked }) => asked.kind === 'write')
  const result = endedWith(execution)
  const decided = await Promise.all(warrants.map((activity) => warranted(execution, activity, known)))
  return [
    ...plansIn(execution, warrants),
    ...previewsIn(execution, activities, [...decided, ...result.shown]),
    ...decided.map(({ found }) => found).flat(),
    ...result.found,
  ]
}

/** The plan stands in each warrant: told once, as long as it stays the same. */
function plansIn(execution: Execution, warrants: readonly Activity[]): readonly Found[] {
  let before: Json | undefined
  return warrants.flatMap(({ scheduled, input }) => {
    const { plan } = fieldsOf(fieldsOf(input.json)['warrant'])
    if (typeof plan !== 'string' || plan === before) return []
    before = plan
    return {
      kind: 'plan',
      at: timeOf(scheduled),
      step: null,
      events: refs(execution, scheduled),
      proof: 'server',
      by: null,
      says: { plan: held(plan) },
      text: `The plan: ${line(plan)}.`,
    }
  })
}

/** An action that was decided on, with what of it people may have been shown. */
interface Shown {
  readonly step: string
  readonly tool: string
  readonly changes: Json
  /** Whether somebody whom a gateway vouches for approved a digest of it. */
  readonly isSigned: boolean
  readonly event: Event
}

async function warranted(
  execution: Execution,
  { scheduled, input, asked }: Activity,
  known: Known,
): Promise<Shown & { readonly found: readonly Found[] }> {
  const { step, tool } = asked
  const place = { at: timeOf(scheduled), step, events: refs(execution, scheduled) }
  if (input.veil !== null) {
    const text = veiledSentence(input, `What was decided of ${line(step)}, and why,`) ?? ''
    const found = {
      ...place,
      kind: 'decision',
      proof: input.veil,
      by: null,
      says: { tool, ...veiledSays(input) },
      text,
    } as const
    return { step, tool, changes: null, isSigned: false, event: scheduled, found: [found] }
  }
  const warrant = fieldsOf(fieldsOf(input.json)['warrant'])
  const { decision, approvals, changes = [], facts, candidate, reached, edits } = warrant
  const { effect, matches } = fieldsOf(decision)
  const holds = digestHolds(fieldsOf(input.exact))
  const voices = await Promise.all(objectsIn(approvals).map((approval) => voiceOf(approval, warrant, known)))
  const found: Found[] = [
    {
      ...place,
      kind: 'decision',
      proof: 'server',
      by: null,
      says: {
        tool,
        describe: summaryOf(scheduled),
        effect: effect ?? null,
        matches: held(matches),
        facts: held(facts),
        trust: held(warrant['trust']),
        evidence: held(citationsIn(warrant['evidence'])),
        policyDigest: warrant['policyDigest'] ?? null,
        inputDigest: warrant['inputDigest'] ?? null,
        actionDigest: warrant['actionDigest'] ?? null,
        approvals: voices.map(({ says }) => says),
        undo: warrant['undo'] ?? null,
        issuedAt: warrant['issuedAt'] ?? null,
        ...(edits === undefined
          ? {}
          : {
              edits: held(
                objectsIn(edits).map(({ by, from, to, comment }) => ({
                  by: by ?? null,
                  from: from ?? null,
                  to: to ?? null,
                  comment: comment ?? '',
                })),
              ),
            }),
        ...(candidate === undefined ? {} : { candidate: held(candidate) }),
        ...(reached === undefined ? {} : { reached: held(reached) }),
      },
      text: decisionSentence(textIn(effect), matches, summaryOf(scheduled) || step),
    },
  ]
  if (!holds) {
    found.push({
      ...place,
      kind: 'difference',
      proof: 'server',
      by: null,
      says: { code: 'action_digest_differs', actionDigest: warrant['actionDigest'] ?? null },
      text: `The action digest in the warrant of ${line(step)} is not that of the action in it.`,
    })
  }
  const isSigned = holds && voices.some(({ proof }) => proof === 'signed')
  return { step, tool, changes, isSigned, event: scheduled, found }
}

/** Whether the action digest of a warrant is that of what stands in it. */
function digestHolds({ input, warrant: given }: JsonObject): boolean {
  const warrant = fieldsOf(given)
  const { runKey, step, tool, facts, trust, evidence, changes, expect, policyDigest, reached, edits } = warrant
  try {
    const action = {
      runKey,
      step,
      tool,
      input,
      facts,
      trust,
      evidence: (evidence as unknown as readonly Evidence[]).map(citationOf),
      changes,
      expect,
      policyDigest,
      ...(reached === undefined ? {} : { reached }),
      ...(edits === undefined ? {} : { edits: objectsIn(edits).map(({ by, from }) => ({ by, from })) }),
    }
    return actionDigestOf(action as unknown as Action) === warrant['actionDigest']
  } catch {
    return false
  }
}

/** An approval as a warrant cites it. */
async function voiceOf(approval: JsonObject, warrant: JsonObject, known: Known) {
  const { by, comment, at, actionDigest, statement } = approval
  const about = {
    kind: 'decide',
    runKey: known.runKey,
    step: textIn(warrant['step']),
    actionDigest: textIn(warrant['actionDigest']) as Action['policyDigest'],
    decision: 'approve' satisfies DecisionWord,
    commentDigest: digestOfText(textIn(comment).toWellFormed()),
  } as const
  const { proof, says } = await vouched(statement, { about, workspace: known.workspace, atMs: null }, known)
  const { nonce } = fieldsOf(says['statement'])
  return {
    proof,
    says: {
      by: by ?? null,
      at: at ?? null,
      comment: held(comment ?? ''),
      actionDigest: actionDigest ?? null,
      nonce: nonce ?? null,
      proof,
    },
  }
}

/** What is cited, without the outputs, which stand in entries of their own. */
const citationsIn = (evidence: Json | undefined): readonly JsonObject[] =>
  objectsIn(evidence).map(({ receipt }) => {
    const { step, kind, reference, outputDigest, at, keyId } = fieldsOf(receipt)
    return {
      step: step ?? null,
      kind: kind ?? null,
      reference: reference ?? null,
      outputDigest: outputDigest ?? null,
      at: at ?? null,
      keyId: keyId ?? null,
    }
  })

const EFFECTS: Readonly<Record<string, string>> = {
  deny: 'denies',
  escalate: 'hands to a person',
  suggest: 'only suggests',
  require_approval: 'wants an approval of',
  allow: 'allows',
}

/** Why, as the rules that matched tell. */
export const becauseOf = (matches: Json | undefined): string =>
  objectsIn(matches)
    .map(({ because, rule }) => `${line(textIn(because), 300)} (${line(textIn(rule), 200)})`)
    .join('; ')

function decisionSentence(effect: string, matches: Json | undefined, what: string): string {
  const because = becauseOf(matches)
  const why = because === '' ? 'no rule of it speaks of this' : because
  return `The policy ${EFFECTS[effect] ?? `says \`${line(effect)}\` of`} this: ${line(what)}; ${line(why, 1_500)}.`
}

/** What was shown of an action before it was done; the action that it is of comes after it. */
function previewsIn(
  execution: Execution,
  activities: readonly Activity[],
  actions: readonly Shown[],
): readonly Found[] {
  const local = execution.locals.filter(({ type, failure }) => failure === null && isPreview(type))
  const ordinary = activities.flatMap(({ scheduled, ended, asked }): readonly (Local & { readonly id: string })[] => {
    const completed = ended?.activityTaskCompletedEventAttributes
    if (ended === undefined || !completed || !isPreview(asked.tool)) return []
    return [{ event: ended, type: asked.tool, answer: readIn(completed.result), failure: null, id: stepOf(scheduled) }]
  })
  return [...local.map((one) => ({ ...one, id: '' })), ...ordinary].flatMap(
    ({ event, type, answer, id }): readonly Found[] => {
      const tool = type.slice(0, -'.preview'.length)
      const place = { at: timeOf(event), events: refs(execution, event) }
      if (answer.veil !== null) {
        const text = veiledSentence(answer, `What ${line(tool)} would change`) ?? ''
        return [
          { ...place, kind: 'diff', step: id || null, proof: answer.veil, by: null, says: veiledSays(answer), text },
        ]
      }
      const { preview } = fieldsOf(answer.json)
      if (preview === undefined) return []
      const { changes, expect } = fieldsOf(preview)
      const written = JSON.stringify(changes)
      const action = actions.find(
        (one) => one.tool === tool && numberOf(one.event) > numberOf(event) && JSON.stringify(one.changes) === written,
      )
      const signed = action?.isSigned === true
      return [
        {
          ...place,
          kind: 'diff',
          step: id || (action?.step ?? null),
          events: [...place.events, ...(action === undefined ? [] : refs(execution, action.event))],
          // Nobody signs a preview. Who approved the action signed a digest of what was shown to him.
          proof: signed ? 'signed' : 'claimed',
          by: null,
          says: { tool, changes: held(changes), expect: held(expect) },
          text: changesSentence(summaryOf(event).replace(/^preview: /, '') || tool, changes),
        },
      ]
    },
  )
}

const numberOf = ({ eventId }: Event): number => Number(String(eventId))

/** Of `billing.refund-1.preview-2`. */
const stepOf = ({ activityTaskScheduledEventAttributes: scheduled }: Event): string =>
  (scheduled?.activityId ?? '').replace(/\.preview(?:[-.]\d+)?$/, '')

function changesSentence(what: string, changes: Json | undefined): string {
  const texts = objectsIn(changes).map(({ record, field, from, to }) =>
    changeText({ record: textIn(record), field: textIn(field), from: textIn(from), to: textIn(to) }),
  )
  return texts.length === 0
    ? `Nothing was shown to change: ${line(what)}.`
    : `This would change: ${line(texts.join('; '), 1_500)}.`
}

/** The action that ended the run, and those that its policy only had drafted, as the result tells of them. */
function endedWith(execution: Execution): { readonly found: readonly Found[]; readonly shown: readonly Shown[] } {
  const event = execution.events.at(-1)
  const { result } = execution.told
  if (event === undefined || !('state' in result)) return { found: [], shown: [] }
  const { code, rules, facts, action, candidate } = fieldsOf(result['because'])
  const place = { at: timeOf(event), events: refs(execution, event) }
  const refused = fieldsOf(action)
  const found: Found[] = []
  const shown: Shown[] = []
  const tell = (
    one: JsonObject,
    effect: string,
    matches: Json | undefined,
    isDraft: boolean,
    describe: string,
  ): void => {
    const step = textIn(one['step'])
    const tool = textIn(one['tool'])
    found.push({
      ...place,
      kind: 'decision',
      step: step === '' ? null : step,
      proof: 'server',
      by: null,
      says: {
        tool,
        describe,
        effect,
        matches: held(matches),
        facts: held(one['facts'] ?? facts),
        trust: held(one['trust']),
        evidence: held(one['evidence']),
        policyDigest: one['policyDigest'] ?? result['policyDigest'] ?? null,
        input: held(one['input']),
        approvals: [],
        undo: null,
        isDraft,
        because: isDraft ? null : (code ?? null),
        ...(candidate === undefined ? {} : { candidate: held(candidate) }),
        ...(one['reached'] === undefined ? {} : { reached: held(one['reached']) }),
      },
      text: decisionSentence(effect, matches, describe || step),
    })
    shown.push({ step, tool, changes: one['changes'] ?? [], isSigned: false, event })
  }
  const [strongest] = objectsIn(rules)
  if (strongest !== undefined && textIn(refused['step']) !== '') {
    tell(refused, textIn(strongest['effect']), rules, false, textIn(refused['tool']))
  }
  for (const draft of objectsIn(result['drafts'])) {
    const { effect, matches } = fieldsOf(draft['decision'])
    tell(fieldsOf(draft['action']), textIn(effect), matches, true, line(textIn(draft['describe'])))
  }
  return { found, shown }
}
