import type { temporal } from '@temporalio/proto'
import { inputDigestOf } from '../../contract/action.ts'
import { type Digest, digestOfText, isDigest } from '../../contract/digest.ts'
import type { Json, JsonObject } from '../../contract/json.ts'
import { type About, DECISIONS } from '../../contract/statement.ts'
import { WIRE } from '../../contract/wire.ts'
import { fieldsOf, textIn } from '../fields.ts'
import type { Activity } from './activities.ts'
import {
  byCaller,
  callerOf,
  type Event,
  type Execution,
  failureIn,
  type Found,
  idOf,
  type Known,
  line,
  type Local,
  objectsIn,
  provenCaller,
  refs,
  timeOf,
} from './execution.ts'
import { held, type Read, readIn, veiledSays } from './payloads.ts'
import { vouched } from './statements.ts'

/** Something that was sent to a run: an update, or a signal, which nobody answers. */
interface Message {
  readonly name: string
  readonly isSignal: boolean
  readonly event: Event
  readonly read: Read
  readonly identity: string | null | undefined
  /** What was answered; `undefined`: nothing yet, or nobody answers. */
  readonly answer: { readonly event: Event; readonly read: Read; readonly failure: JsonObject | null } | undefined
  readonly heard: Local | undefined
}

/** What people said to a run, whether it counted or not. */
export async function messagesIn(
  execution: Execution,
  activities: readonly Activity[],
  known: Known,
): Promise<readonly Found[]> {
  const counted = noncesIn(activities)
  return await Promise.all(
    withHearings(execution, messagesOf(execution)).map((message) =>
      tell(execution, message, counted, activities, known),
    ),
  )
}

function messagesOf({ events }: Execution): readonly Omit<Message, 'heard'>[] {
  const admitted = new Map<string, temporal.api.update.v1.IRequest>()
  const answers = new Map<number, Message['answer']>()
  for (const event of events) {
    const { request } = event.workflowExecutionUpdateAdmittedEventAttributes ?? {}
    if (request) admitted.set(request.meta?.updateId ?? '', request)
    const completed = event.workflowExecutionUpdateCompletedEventAttributes
    if (!completed) continue
    const { success, failure } = completed.outcome ?? {}
    const read = readIn(success)
    answers.set(Number(String(completed.acceptedEventId)), {
      event,
      read,
      failure: failure ? failureIn(failure) : null,
    })
  }
  return events.flatMap((event): readonly Omit<Message, 'heard'>[] => {
    const accepted = event.workflowExecutionUpdateAcceptedEventAttributes
    if (accepted) {
      // After a reset the request stands in the event that had it admitted again.
      const request = accepted.acceptedRequest ?? admitted.get(accepted.protocolInstanceId ?? '')
      const name = request?.input?.name ?? ''
      if (name === WIRE.updates.outcome) return []
      const read = readIn(request?.input?.args)
      return [
        { name, isSignal: false, event, read, identity: request?.meta?.identity, answer: answers.get(idOf(event)) },
      ]
    }
    const signaled = event.workflowExecutionSignaledEventAttributes
    if (!signaled) return []
    const read = readIn(signaled.input)
    return [
      { name: signaled.signalName ?? '', isSignal: true, event, read, identity: signaled.identity, answer: undefined },
    ]
  })
}

const nonceIn = (json: Json): string => textIn(fieldsOf(fieldsOf(json)['statement'])['nonce'])

/**
 * Which host heard what. The marker names its update, or the statement that was heard; one that was refused is that of the first message
 * before it that nobody heard.
 */
function withHearings({ locals }: Execution, messages: readonly Omit<Message, 'heard'>[]): readonly Message[] {
  const left = new Set(locals.filter(({ type }) => type === WIRE.activities.hear))
  const heard = new Map<Omit<Message, 'heard'>, Local>()
  const match = (fits: (message: Omit<Message, 'heard'>, local: Local) => boolean): void => {
    for (const local of left) {
      const message = messages.find((one) => !heard.has(one) && idOf(one.event) < idOf(local.event) && fits(one, local))
      if (message === undefined) continue
      heard.set(message, local)
      left.delete(local)
    }
  }
  match(({ event, isSignal }, local) => !isSignal && updateOf(local.event) === updateIdOf(event))
  match(({ read }, { answer }) => nonceIn(read.json) !== '' && nonceIn(read.json) === nonceIn(answer.json))
  match(
    ({ name, answer }, local) =>
      name in WIRE.signals && (answer === undefined || idOf(answer.event) > idOf(local.event)),
  )
  return messages.map((message) => ({ ...message, heard: heard.get(message) }))
}

const updateOf = ({ eventGroupMarkers }: Event): string | undefined =>
  eventGroupMarkers?.find(({ inboundUpdate }) => inboundUpdate)?.inboundUpdate?.inboundUpdateId ?? undefined

const updateIdOf = ({ workflowExecutionUpdateAcceptedEventAttributes: accepted }: Event): string =>
  accepted?.protocolInstanceId ?? ''

/** The statements that what was done rests on. */
function noncesIn(activities: readonly Activity[]): ReadonlySet<string> {
  return new Set(
    activities.flatMap(({ input }) => {
      const warrant = fieldsOf(fieldsOf(input.json)['warrant'])
      const said = [warrant, ...objectsIn(warrant['approvals']), ...objectsIn(warrant['edits'])]
      return said.map(nonceIn).filter((nonce) => nonce !== '')
    }),
  )
}

const KINDS = { decide: 'approval', undo: 'undo', resolve: 'incident' } as const

async function tell(
  execution: Execution,
  message: Message,
  counted: ReadonlySet<string>,
  activities: readonly Activity[],
  known: Known,
): Promise<Found> {
  const { name, isSignal, event, read, identity, answer, heard } = message
  const caller = callerOf(event, identity)
  const said = fieldsOf(read.json)
  const refusal = fieldsOf(fieldsOf(heard?.answer.json)['refused'])
  const host = fieldsOf(heard?.answer.json)
  // Where nobody has to prove who he is, a host signs for the name that somebody gives.
  const statement = fieldsOf(read.exact)['statement'] ?? fieldsOf(heard?.answer.exact)['statement']
  const about = aboutOf(name, said, statement, activities, known)
  const atMs = execution.copied > 0 ? null : Date.parse(timeOf(event))
  const what =
    about === undefined ? undefined : await vouched(statement, { about, workspace: known.workspace, atMs }, known)
  const nonce = what?.statement?.nonce ?? ''
  const answered = fieldsOf(answer?.read.json)
  const isCounted = isSignal ? nonce !== '' && counted.has(nonce) : answered['accepted'] === true
  const kind = isCounted || read.veil !== null ? (KINDS[name as keyof typeof KINDS] ?? 'attempt') : 'attempt'
  const by = (what?.statement?.who.subject ?? textIn(host['by'])) || textIn(refusal['by']) || textIn(said['by']) || null
  const step = textIn(said['step'])
  const { code = refusal['code'], message: words = refusal['message'] } = answered
  return {
    kind,
    at: timeOf(event),
    step: step === '' ? null : line(step, 200),
    events: refs(execution, event, heard?.event, answer?.event),
    proof: read.veil ?? what?.proof ?? 'claimed',
    by: by === null ? provenCaller(event) : line(by),
    says: {
      message: name,
      isSignal,
      ...(read.veil === null ? { said: held(saidIn(name, said)) } : veiledSays(read)),
      ...what?.says,
      standing: host['standing'] ?? null,
      answer: answerOf(answer, isCounted, code, words),
      caller,
    },
    text: sentenceOf(message, { isCounted, by, said, code: textIn(code), words: textIn(words) }),
  }
}

/** What was said, without the statement, of which the entry tells beside it. */
const saidIn = (name: string, said: JsonObject): JsonObject => {
  const { statement: _, ...rest } = said
  return name === WIRE.updates.decide || Object.keys(rest).length > 0 ? rest : {}
}

function answerOf(
  answer: Message['answer'],
  isCounted: boolean,
  code: Json | undefined,
  message: Json | undefined,
): Json {
  if (answer === undefined) return code === undefined ? null : { accepted: false, code, message: message ?? '' }
  if (answer.failure !== null) return { accepted: false, failure: answer.failure }
  if (answer.read.veil !== null) return { ...veiledSays(answer.read) }
  return { accepted: isCounted, ...(code === undefined ? {} : { code }), message: message ?? '' }
}

/** What a statement has to say for a message; `undefined`: the message is in no form that a run hears. */
function aboutOf(
  name: string,
  { step, decision, actionDigest, comment, resolution, input }: JsonObject,
  statement: Json | undefined,
  activities: readonly Activity[],
  { runKey }: Known,
): About | undefined {
  const words = digestOfText(textIn(comment).toWellFormed())
  if (name === WIRE.updates.undo) return { kind: 'undo', runKey, whyDigest: words }
  if (name === WIRE.updates.resolve) {
    if (resolution !== 'retry' && resolution !== 'settled') return undefined
    return { kind: 'resolve', runKey, step: textIn(step), resolution, commentDigest: words }
  }
  const word = DECISIONS.find((one) => one === decision)
  if (name !== WIRE.updates.decide || word === undefined || !isDigest(actionDigest)) return undefined
  return {
    kind: 'decide',
    runKey,
    step: textIn(step),
    actionDigest,
    decision: word,
    commentDigest: words,
    ...(word === 'change' ? { inputDigest: changedTo(textIn(step), input, statement, activities) } : {}),
  }
}

/** Of what is to be done instead: by the tool of the step, else as the statement says. */
function changedTo(
  step: string,
  input: Json | undefined,
  statement: Json | undefined,
  activities: readonly Activity[],
): Digest {
  const tool = activities.find(({ asked }) => asked.kind === 'write' && asked.step === step)?.asked.tool
  const stated = fieldsOf(fieldsOf(statement)['about'])['inputDigest']
  try {
    if (tool !== undefined && input !== undefined) return inputDigestOf(tool, input)
  } catch {
    // Of what somebody sends no digest need be possible.
  }
  return isDigest(stated) ? stated : 'sha256:'
}

interface Sentence {
  readonly isCounted: boolean
  readonly by: string | null
  readonly said: JsonObject
  readonly code: string
  readonly words: string
}

const VERBS: Readonly<Record<string, string>> = {
  approve: 'approved',
  reject: 'rejected',
  change: 'changed',
  undo: 'asked to undo the run',
  retry: 'asked to try it again at',
  settled: 'stated that it was put right by hand at',
}

function sentenceOf({ name, isSignal, read, answer, event, identity }: Message, what: Sentence): string {
  const { isCounted, by, said, code, words } = what
  const how = isSignal ? 'signal' : 'update'
  if (read.veil !== null) {
    return `Somebody sent the ${how} \`${line(name)}\`${byCaller(event, identity)}; what it says ${read.veil === 'erased' ? 'was erased' : 'is sealed'}.`
  }
  const who = by === null ? 'Somebody' : line(by)
  const { decision, resolution, step, comment } = said
  const verb = textIn(decision) || textIn(resolution) || name
  const of = textIn(step) === '' ? '' : ` ${line(textIn(step), 200)}`
  const remark = textIn(comment) === '' ? '' : `: “${line(textIn(comment))}”`
  if (isCounted) return `${who} ${VERBS[verb] ?? line(verb, 50)}${of}${remark}.`
  const why = code === '' ? '' : ` (${line(code, 100)}): ${line(words)}`
  const outcome =
    code !== ''
      ? 'was refused'
      : answer?.failure
        ? `failed: ${line(textIn(answer.failure['message']))}`
        : isSignal
          ? 'was answered by nobody, and nothing that was done rests on it'
          : answer === undefined
            ? 'was not answered yet'
            : 'did not count'
  return `${who} sent the ${how} \`${line(name, 100)}\` (${line(verb, 50)}${of})${remark}; it ${outcome}${why}.`
}
