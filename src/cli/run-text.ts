import type { RunSummary } from '../client/summary.ts'
import { failureRule } from '../contract/failures.ts'
import { formatMicroUsd } from '../contract/money.ts'
import type { Case, Attempt, Draft, EffectStatus, RunResult, RunStatus, TimelineEntry } from '../contract/run.ts'
import { assuranceText, speakerFlag } from '../contract/principal.ts'
import { resumeCommand, type StopMark, stopText } from '../contract/stop.ts'
import { shellWord } from '../contract/text.ts'
import { actionLines, answerCommand, pendingLines } from './action-text.ts'
import { failurePage } from './failure-page.ts'
import { plain } from './terminal.ts'
import { clock, moment } from './time.ts'

const indented = (lines: readonly string[]): readonly string[] => lines.map((line) => `  ${line}`)

const section = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : ['', title, ...indented(lines)]

export const timelineLine = ({ at, kind, text }: TimelineEntry): string =>
  `${clock(at)}  ${kind.padEnd(8)}  ${plain(text)}`

const EFFECT_WORDS: Record<EffectStatus['state'], string> = {
  running: 'under way',
  done: 'done',
  undone: 'undone',
  stuck: 'stuck',
  settled: 'settled',
  not_done: 'not done',
}

const effectLine = ({ state, describe, step }: EffectStatus): string =>
  `${EFFECT_WORDS[state].padEnd(9)}  ${plain(describe)}  (${step})`

/** Why a run ended as it did. */
const caseLines = ({ code, message, rules, action }: Case): readonly string[] => [
  `${plain(message)}  (${code})`,
  failureRule(code).help,
  `see ${failurePage(code)}`,
  ...(action === null ? [] : actionLines(action, rules)),
]

/** Where a candidate policy would have said otherwise. */
const trialLines = ({ timeline }: RunStatus): readonly string[] =>
  section(
    'without effect',
    timeline.filter(({ kind }) => kind === 'trial').map(({ text }) => plain(text)),
  )

const effectLines = (effects: readonly EffectStatus[]): readonly string[] => section('effects', effects.map(effectLine))

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

/** Who decided what, how it is known who he is, and what he saw: the digest is of all that was shown. */
function decisionLines({ kind, at, by, assurance, describe, saw = [], message }: Attempt): readonly string[] {
  const said = (message ?? {}) as Readonly<Record<string, string | undefined>>
  const { decision = kind, resolution, step, actionDigest, comment } = said
  const what = [decision, describe ?? step, resolution === undefined ? undefined : `as ${resolution}`]
  const words = comment === undefined || comment === '' ? '' : `: ${comment}`
  const seen = actionDigest === undefined ? '' : `, who saw ${actionDigest}`
  return [
    `${clock(at)}  ${what.filter((one) => one !== undefined).join('  ')}${words}`,
    `          by ${by ?? 'nobody known'} (${assurance ?? 'nobody proved it'})${seen}`,
    ...saw.map((line) => `            ${line}`),
  ].map(plain)
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
  const { principal, spend, waitingFor, auditExport, attempts } = status
  const behalf = principal?.onBehalfOf === undefined ? '' : ` on behalf of ${principal.onBehalfOf}`
  const tokens = `${spend.inputTokens + spend.outputTokens} tokens, ${spend.toolCalls} tool calls`
  const refusals = attempts.flatMap(({ at, kind, by, says, answer }) => {
    if (answer.accepted) return []
    const who = by !== null ? ` by ${by}` : says === undefined ? '' : ` by somebody who says to be ${says}`
    return [`${clock(at)}  ${plain(`${kind}${who}: ${answer.message}`)}  (${answer.code})`]
  })
  const decided = attempts.filter(({ answer }) => answer.accepted).flatMap(decisionLines)
  return [
    `${status.playbook}  ${workflowId}`,
    `state     ${status.state}${waitingFor === null ? '' : `, waiting for ${waitingFor}`}`,
    ...stopLines(stops),
    ...(principal === null
      ? []
      : [
          `asked by  ${plain(principal.subject + behalf)}, ${plain(principal.workspace)} (${plain(assuranceText(principal))})`,
        ]),
    `request   ${plain(JSON.stringify(status.request))}`,
    `started   ${moment(summary.startedAt)}${summary.closedAt === null ? '' : `, closed ${moment(summary.closedAt)}`}`,
    `policy    ${status.policyDigest ?? 'none yet'}`,
    ...(status.candidateDigest === null ? [] : [`candidate ${status.candidateDigest}, decides nothing`]),
    ...versionLines(summary, status),
    `spend     ${formatMicroUsd(spend.modelMicroUsd)} of model, ${tokens}`,
    ...(auditExport === null ? [] : [`audit export: ${plain(auditExport)}, not exported yet`]),
    ...status.notActedOn.map((wish) => `not acted on yet: ${plain(wish)}`),
    ...(link === null ? [] : [`link      ${link}`]),
    ...asked(workflowId, status, flags),
    ...(status.result?.because ? section('why', caseLines(status.result.because)) : []),
    ...draftLines(status.result?.drafts),
    ...effectLines(status.effects),
    ...trialLines(status),
    ...section('decided by people', decided),
    ...section('refused', refusals),
    ...section('timeline (UTC)', status.timeline.map(timelineLine)),
  ]
}

/** What Temporal itself knows of a run. */
export const summaryPage = (summary: RunSummary, { link, stops }: Beside): readonly string[] => [
  `${summary.playbook}  ${summary.workflowId}`,
  `state     ${summary.state}${summary.waitingFor === null ? '' : `, waiting for ${summary.waitingFor}`}`,
  ...stopLines(stops),
  `workspace ${plain(summary.workspace ?? 'unknown')}`,
  ...versionLines(summary),
  `started   ${moment(summary.startedAt)}${summary.closedAt === null ? '' : `, closed ${moment(summary.closedAt)}`}`,
  `spend     ${formatMicroUsd(summary.spendMicroUsd)} of model`,
  ...(link === null ? [] : [`link      ${link}`]),
]
