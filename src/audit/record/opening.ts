import type { Json, JsonObject } from '../../contract/json.ts'
import { assuranceText } from '../../contract/principal.ts'
import { digestOfText } from '../../contract/digest.ts'
import { WIRE } from '../../contract/wire.ts'
import { fieldsOf, textIn } from '../fields.ts'
import {
  byCaller,
  callerOf,
  type Execution,
  type Found,
  type Known,
  line,
  provenCaller,
  refs,
  timeOf,
} from './execution.ts'
import { digestIn, held, type Read, readIn, veiledSays } from './payloads.ts'
import { veiledSentence } from './attested.ts'
import { vouched } from './statements.ts'

/** Who started a run for what, and under which policy it was opened. */
export async function openingIn(execution: Execution, known: Known): Promise<readonly Found[]> {
  const { told, events } = execution
  const [first] = events
  const started = first?.workflowExecutionStartedEventAttributes
  if (first === undefined || !started) return []
  const at = timeOf(first)
  const from = started.continuedExecutionRunId ?? null
  const found: Found[] = [
    {
      kind: 'execution',
      at,
      step: null,
      events: refs(execution, first),
      proof: 'server',
      by: provenCaller(first),
      says: {
        began: from === null || from === '' ? 'start' : 'continuation',
        runId: started.originalExecutionRunId ?? '',
        continues: from === '' ? null : from,
        workflowType: told.workflowType,
        taskQueue: started.taskQueue?.name ?? '',
        caller: callerOf(first, started.identity),
      },
      text: from
        ? `The run goes on as another execution of \`${line(told.workflowType)}\`, after ${line(from)}.`
        : `A run of \`${line(told.workflowType)}\` was started${byCaller(first, started.identity)}.`,
    },
  ]
  const message = readIn({ payloads: (started.input?.payloads ?? []).slice(0, 1) })
  const { request, statement } = fieldsOf(message.json)
  const said = await vouched(
    fieldsOf(message.exact)['statement'],
    aboutStart(execution, fieldsOf(message.exact)),
    known,
  )
  const named = said.statement?.who
  const by = named?.subject ?? null
  const veiled = veiledSentence(message, 'What was asked for')
  found.push({
    kind: 'request',
    at,
    step: null,
    events: refs(execution, first),
    proof: message.veil ?? said.proof,
    by,
    says:
      message.veil === null
        ? { request: held(request), requestDigest: digestIn(request ?? null), ...said.says }
        : veiledSays(message),
    text: veiled ?? `${by === null ? 'Somebody' : line(by)} asked for this: ${line(JSON.stringify(request ?? null))}.`,
  })
  const opened = execution.locals.find(({ type, failure }) => type === WIRE.activities.openRun && failure === null)
  if (opened === undefined) return found
  return [
    ...found,
    ...openedIn(execution, opened.event, opened.answer, {
      proof: said.proof,
      who: fieldsOf(fieldsOf(statement)['who']),
    }),
  ]
}

const aboutStart = ({ told, events }: Execution, { request, statement }: JsonObject) => {
  const { workspace, onBehalfOf } = fieldsOf(fieldsOf(statement)['about'])
  const [first] = events
  return {
    about: {
      kind: 'start',
      workflowId: told.workflowId,
      playbook: told.workflowType,
      requestDigest: digestIn(request ?? null) ?? 'sha256:',
      workspace: textIn(workspace),
      ...(typeof onBehalfOf === 'string' ? { onBehalfOf } : {}),
    },
    workspace: textIn(workspace),
    // A run waits for its worker, and one that goes on was said to begin long before: a statement counts as of when it was signed.
    atMs: first?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId
      ? null
      : Date.parse(timeOf(first ?? {})),
  } as const
}

/** What the host answered that opened the run. */
function openedIn(
  execution: Execution,
  event: Parameters<typeof timeOf>[0],
  answer: Read,
  stated: { readonly proof: Found['proof']; readonly who: JsonObject },
): readonly Found[] {
  const base = { at: timeOf(event), step: null, by: null }
  if (answer.veil !== null) {
    const proof = answer.veil
    const says = veiledSays(answer)
    const events = refs(execution, event)
    return [
      { ...base, kind: 'principal', events, proof, says, text: veiledSentence(answer, 'For whom the run acts') ?? '' },
      { ...base, kind: 'policy', events, proof, says, text: veiledSentence(answer, 'Its policy') ?? '' },
    ]
  }
  const opened = fieldsOf(answer.json)
  const principal = fieldsOf(opened['principal'])
  const { subject, workspace, onBehalfOf } = principal
  const isStated = ['subject', 'issuer', 'kind', 'workspace'].every((field) => principal[field] === stated.who[field])
  const { policyDigest, policyText, candidateDigest, kernelVersion, buildId } = opened
  const isText = typeof policyText === 'string'
  const holds = isText && digestOfText(policyText.toWellFormed()) === policyDigest
  const behalf = typeof onBehalfOf === 'string' ? ` on behalf of ${line(onBehalfOf)}` : ''
  return [
    {
      ...base,
      kind: 'principal',
      events: refs(execution, event, execution.events[0]),
      proof: isStated ? stated.proof : 'claimed',
      by: textIn(subject) || null,
      says: {
        principal: held(opened['principal']),
        ...(isStated ? {} : { flaw: 'the statement of the start is of somebody else' }),
      },
      text: `The run acts for ${line(textIn(subject)) || 'nobody known'}${behalf} in the workspace ${line(textIn(workspace))}, known by ${line(knownBy(principal))}.`,
    },
    {
      ...base,
      kind: 'policy',
      events: refs(execution, event),
      proof: 'claimed',
      says: {
        policyDigest: policyDigest ?? null,
        policyText: held(policyText),
        holds,
        policy: held(opened['policy']),
        kernelVersion: kernelVersion ?? null,
        buildId: buildId ?? null,
        ...(candidateDigest === undefined ? {} : { candidateDigest, candidateText: held(opened['candidateText']) }),
      },
      text: `Its policy is ${line(textIn(policyDigest))}${holds ? '' : ', which is not the digest of the text beside it'}; it was opened by the kernel ${line(textIn(kernelVersion))}, build ${line(textIn(buildId))}.`,
    },
  ]
}

function knownBy(principal: JsonObject): string {
  const { issuer, assurance, development } = principal
  const { acr, amr } = fieldsOf(assurance)
  return assuranceText({
    issuer: textIn(issuer),
    development: development === true,
    assurance: {
      ...(typeof acr === 'string' ? { acr } : {}),
      ...(Array.isArray(amr) ? { amr: (amr as readonly Json[]).map(textIn) } : {}),
    },
  })
}
