import type { RunSummary } from '../client/summary.ts'
import { failureRule } from '../contract/failures.ts'
import { formatMicroUsd } from '../contract/money.ts'
import type { Case, Attempt, Draft, EffectStatus, RunResult, RunStatus, TimelineEntry } from '../contract/run.ts'
import { assuranceText, speakerFlag } from '../contract/principal.ts'
import { resumeCommand, type StopMark, stopText } from '../contract/stop.ts'
import { byWhom, effectWord, kindText, auditWishes, saidOf, shellWord, waitingText } from '../contract/text.ts'
import { actionLines, answerCommand, labelled, pendingLines } from './action-text.ts'
import { failurePage } from './failure-page.ts'
import { plain } from './terminal.ts'
import { clock, moment, newDay } from '../contract/moment.ts'

const indented = (lines: readonly string[]): readonly string[] => lines.map((line) => `  ${line}`)

const section = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : ['', title, ...indented(lines)]

/** A step as it happened, with the date above it where that is another than that of the one before. */
export function timelineLines({ at, kind, text }: TimelineEntry, before?: TimelineEntry): readonly string[] {
  const day = newDay(at, before?.at)
  return [...(day === undefined ? [] : [day]), `${clock(at)}  ${kindText(kind).padEnd(9)}  ${plain(text)}`]
}

const effectLine = (effect: EffectStatus, waits?: Parameters<typeof effectWord>[1]): string =>
  `${effectWord(effect, waits).padEnd(9)}  ${plain(effect.describe)}  (${effect.step})`

/** Why a run ended as it did. */
const caseLines = ({ code, message, rules, action }: Case): readonly string[] => [
  `${plain(message)}  (${code})`,
  failureRule(code).help,
  `see ${failurePage(code)}`,
  ...(action === null ? [] : actionLines(action, rules)),
]

/** Where a candidate policy would have said otherwise. */
const candidateLines = ({ timeline }: RunStatus): readonly string[] =>
  section(
    'candidate policy (decides nothing)',
    timeline.filter(({ kind }) => kind === 'trial').map(({ text }) => plain(text)),
  )

const effectLines = (effects: readonly EffectStatus[], waits?: Parameters<typeof effectWord>[1]): readonly string[] =>
  section(
    'effects',
    effects.map((effect) => effectLine(effect, waits)),
  )

/** What a run would have done. */
const draftLines = (drafts: readonly Draft[] = []): readonly string[] =>
  section(
    'drafts, not done',
    drafts.flatMap(({ step, describe, action, decision }) => [
      `${plain(describe)}  (${step})`,
      ...indented(actionLines(action, decision.matches)),
    ]),
  )

/** What a run came to. */
export function resultLines(result: RunResult): readonly string[] {
  const { state, outcome, because, drafts, effects, undoUntil } = result
  return [
    `ended     ${state}`,
    ...(outcome === null ? [] : [`outcome   ${plain(JSON.stringify(outcome))}`]),
    ...(undoUntil === null ? [] : [`undo      until ${moment(undoUntil)}`]),
    ...(because === null ? [] : section('why', caseLines(because))),
    ...draftLines(drafts),
    ...effectLines(effects),
  ]
}

function asked(workflowId: string, status: RunStatus, flags: string): readonly string[] {
  const lines: string[] = []
  const speaker = speakerFlag(status.principal)
  for (const pending of status.pending) {
    lines.push(...section('asked of a person', pendingLines(pending)), '  answer with one of')
    for (const verb of ['approve', 'reject'] as const) {
      lines.push(`    ${answerCommand(verb, workflowId, pending, speaker + flags)}`)
    }
  }
  for (const { step, code, message, since, stop } of status.incidents) {
    lines.push(
      ...section('incident', [
        `${plain(message)}  (${code}, since ${moment(since)})`,
        `see ${failurePage(code)}`,
        ...(stop === undefined
          ? []
          : ['once it may go on, for all runs', `  ${plain(resumeCommand(stop, speaker))}${flags}`]),
        stop === undefined ? 'once it is looked at, answer with' : 'or for this run alone',
        `  countersign resolve ${shellWord(workflowId)} ${step} --as retry|settled${speaker}${flags}`,
      ]),
    )
  }
  if (status.state === 'completed' && status.undoUntil !== null) {
    lines.push(
      ...section(`can be undone until ${moment(status.undoUntil)}`, [
        `countersign undo ${shellWord(workflowId)}${speaker}${flags}`,
      ]),
    )
  }
  return lines
}

/** Which build runs it, and which one opened it where somebody moved it to another. */
function versionLines(
  { version }: RunSummary,
  opened?: Pick<RunStatus, 'kernelVersion' | 'buildId'>,
): readonly string[] {
  const kernel = opened?.kernelVersion ? `, kernel ${plain(opened.kernelVersion)}` : ''
  const by = opened?.buildId && opened.buildId !== version?.buildId ? `, opened by ${plain(opened.buildId)}` : ''
  if (version === null) return kernel === '' ? [] : [`version   ${kernel.slice(2)}${by}`]
  return [`version   ${plain(version.buildId)} of ${plain(version.deployment)}${kernel}${by}`]
}

/** Who decided what, and how it is known who he is; what people saw stands once above those who saw the same, by its digest. */
function decisionLines(attempts: readonly Attempt[]): readonly string[] {
  const lines = new Map<string, readonly string[]>()
  for (const attempt of attempts) {
    const { about, digest, text } = saidOf(attempt)
    const title = `${about}${digest === undefined ? '' : `  (${digest})`}`
    lines.set(title, [...(lines.get(title) ?? attempt.saw ?? []), `${moment(attempt.at)}  ${text}`])
  }
  return [...lines].flatMap(([title, told]) => [plain(title), ...indented(told.map(plain))])
}

/** What is known of a run beside what it and Temporal tell: its page in the Temporal UI, and the stops over it. */
interface Beside {
  readonly link: string | null
  readonly stops: readonly StopMark[]
}

const stopLines = (stops: readonly StopMark[]): readonly string[] =>
  stops.map((stop) => `stopped   ${plain(stopText(stop))}`)

/** The page of a run, as the run itself tells it. */
export function runPage(
  summary: RunSummary,
  status: RunStatus,
  { link, stops, flags }: Beside & { readonly flags: string },
): readonly string[] {
  const { workflowId } = summary
  const { principal, spend, waitingFor, attempts } = status
  const behalf = principal?.onBehalfOf === undefined ? '' : ` on behalf of ${principal.onBehalfOf}`
  const tokens = `${spend.inputTokens + spend.outputTokens} tokens, ${spend.toolCalls} tool calls`
  const refusals = attempts.flatMap((attempt) => {
    const { at, kind, answer } = attempt
    return answer.accepted
      ? []
      : [`${moment(at)}  ${plain(`${kind}${byWhom(attempt)}: ${answer.message}`)}  (${answer.code})`]
  })
  const decided = decisionLines(attempts.filter(({ answer }) => answer.accepted))
  return [
    `${status.playbook}  ${workflowId}`,
    `state     ${status.state}${waitingFor === null ? '' : `, waiting for ${waitingText(waitingFor)}`}`,
    ...stopLines(stops),
    ...(principal === null
      ? []
      : [
          `asked by  ${plain(principal.subject + behalf)}, ${plain(principal.workspace)} (${plain(assuranceText(principal))})`,
        ]),
    `request   ${plain(JSON.stringify(status.request))}`,
    `started   ${moment(summary.startedAt)}${summary.closedAt === null ? '' : `, closed ${moment(summary.closedAt)}`}`,
    ...labelled('policy', [status.policyDigest ?? 'none yet', ...auditWishes(status)]),
    ...(status.candidateDigest === null ? [] : [`candidate ${status.candidateDigest}, decides nothing`]),
    ...versionLines(summary, status),
    `spend     ${formatMicroUsd(spend.modelMicroUsd)} of model, ${tokens}`,
    ...(link === null ? [] : [`link      ${link}`]),
    ...asked(workflowId, status, flags),
    ...(status.result?.because ? section('why', caseLines(status.result.because)) : []),
    ...draftLines(status.result?.drafts),
    ...effectLines(status.effects, status),
    ...candidateLines(status),
    ...section('decided by people', decided),
    ...section('refused', refusals),
    ...section(
      'timeline (UTC)',
      status.timeline.flatMap((entry, index, all) => timelineLines(entry, all[index - 1])),
    ),
  ]
}

/** What Temporal itself knows of a run. */
export const summaryPage = (summary: RunSummary, { link, stops }: Beside): readonly string[] => [
  `${summary.playbook}  ${summary.workflowId}`,
  `state     ${summary.state}${summary.waitingFor === null ? '' : `, waiting for ${waitingText(summary.waitingFor)}`}`,
  ...stopLines(stops),
  `workspace ${plain(summary.workspace ?? 'unknown')}`,
  ...versionLines(summary),
  `started   ${moment(summary.startedAt)}${summary.closedAt === null ? '' : `, closed ${moment(summary.closedAt)}`}`,
  `spend     ${formatMicroUsd(summary.spendMicroUsd)} of model`,
  ...(link === null ? [] : [`link      ${link}`]),
]
