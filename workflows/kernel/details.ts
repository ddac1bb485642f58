import { workflowIdOf } from '../../src/contract/evidence.ts'
import { missingText, requirementText } from '../../src/contract/approving.ts'
import { failureRule } from '../../src/contract/failures.ts'
import { clock, moment, newDay } from '../../src/contract/moment.ts'
import { speakerFlag } from '../../src/contract/principal.ts'
import { shownTexts } from '../../src/contract/question.ts'
import {
  effectWord,
  kindText,
  matchText,
  auditWishes,
  saidOf,
  shellWord,
  waitingText,
} from '../../src/contract/text.ts'
import { formatMicroUsd } from '../../src/contract/money.ts'
import type { Attempt, Case, Draft, Incident, PendingApproval, Question, RunStatus } from '../../src/contract/run.ts'
import { resumeCommand } from '../../src/contract/stop.ts'

/** What a model or a person wrote must not become Markdown that lies to an operator. */
const plain = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .replace(/[\\`*_[\]<>#|~$]/g, '\\$&')
    .slice(0, 400)

/** One line of a page, whatever stands in it. */
const line = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ')

/** One word on one line of a page, whatever somebody called his workflow. */
const word = (text: string): string => shellWord(line(text))

/** What fits on a line of the page: the rest of a longer one is clipped. */
const WIDTH = 54

/** A command to paste, in as many lines as it takes; no word is broken that does not break itself. */
function command(...words: readonly string[]): string {
  const lines: string[] = []
  for (const each of words.map((one) => one.trim()).filter((one) => one !== '')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + each.length >= WIDTH) lines.push(each)
    else lines[lines.length - 1] = `${last} ${each}`
  }
  return lines.join(' \\\n  ')
}

/** A digest is longer than a line: a shell puts its halves together. */
const half = 'sha256:'.length + 32
const digestWord = (digest: string): string => `--digest ${digest.slice(0, half)}\\\n${digest.slice(half)}`

/** Each in a block of its own, to paste one of them; no line of a command begins with what could end the block. */
const blocks = (...commands: readonly string[]): string[] => commands.flatMap((each) => ['```', each, '```', ''])

const MAX_POINTS = 20

const points = (texts: readonly string[]): string[] => [
  ...texts.slice(0, MAX_POINTS).map((text) => `- ${plain(text)}`),
  ...(texts.length > MAX_POINTS ? [`- and ${texts.length - MAX_POINTS} more`] : []),
]

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`### ${title}`, '', ...lines, '']

function question(workflowId: string, ask: PendingApproval, speaker: string): string[] {
  const { step, approvedBy, requires, missing } = ask
  const answer = (verb: string): string =>
    command('countersign', verb, workflowId, step, digestWord(ask.actionDigest), speaker)
  return section(`Asked of ${plain(requires.map(requirementText).join(' and '))}, until ${moment(ask.deadline)}`, [
    `**${plain(ask.describe)}** (step ${plain(step)})`,
    '',
    ...(approvedBy.length === 0
      ? []
      : [
          `Approved by ${plain(approvedBy.join(', '))}; it still needs **${plain(missingText(requires, missing))}**.`,
          '',
        ]),
    ...shown(ask),
    '',
    'Answer with one of',
    '',
    ...blocks(answer('approve'), answer('reject')),
  ])
}

const shown = (what: Question): string[] => shownTexts(what).map((text) => `- ${plain(text)}`)

const incident = (workflowId: string, { step, code, message, since, stop }: Incident, speaker: string): string[] =>
  section(`Incident at ${plain(step)} since ${moment(since)}`, [
    `${plain(message)} (${code})`,
    '',
    ...blocks(
      ...(stop === undefined ? [] : [line(resumeCommand(stop, speaker))]),
      command('countersign resolve', workflowId, step, '--as retry|settled', speaker),
    ),
  ])

/** Why a run ended as it did. */
const why = ({ code, message, rules }: Case): string[] =>
  section('Why', [
    `${plain(message)} (${code})`,
    '',
    plain(failureRule(code).help),
    '',
    ...points(rules.map((match) => `because ${matchText(match)}`)),
  ])

const drafted = ({ step, describe, ...draft }: Draft): string[] =>
  section('Draft: this was not done', [
    `**${plain(describe)}** (step ${plain(step)})`,
    '',
    ...points([`${draft.action.tool} with ${JSON.stringify(draft.action.input)}`]),
    ...shown({ about: 'action', ...draft }),
  ])

/** What somebody said that counted. */
function said(attempt: Attempt): string {
  const { about: what, digest, text } = saidOf(attempt)
  return `${moment(attempt.at)} ${what}: ${text}${digest === undefined ? '' : `, who saw ${digest}`}`
}

/** Who asked for what, under which policy, and what it took. */
function about(status: RunStatus): string[] {
  const { principal, request, policyDigest, candidateDigest, spend } = status
  return section(
    'Run',
    points([
      ...(principal === null ? [] : [`asked by ${principal.subject}, ${principal.workspace}`]),
      `request ${JSON.stringify(request)}`,
      ...(policyDigest === null ? [] : [`policy ${policyDigest}`]),
      ...(candidateDigest === null ? [] : [`candidate policy ${candidateDigest}, decides nothing`]),
      ...auditWishes(status),
      `model spend ${formatMicroUsd(spend.modelMicroUsd)}, ${spend.toolCalls} tool calls`,
    ]),
  )
}

function timeline({ timeline: all }: RunStatus): string[] {
  const entries = all.slice(-60)
  const lines = entries.flatMap(({ at, kind, text }, index) => {
    const day = newDay(at, entries[index - 1]?.at)
    return [
      ...(day === undefined ? [] : [...(index === 0 ? [] : ['']), `**${day}**`, '']),
      `- ${clock(at)} ${kindText(kind)}: ${plain(text)}`,
    ]
  })
  return section('Timeline (UTC)', lines)
}

/** The living page of a run, in the Markdown that the Temporal UI shows as its current details (20 KB at most). */
export function renderDetails(status: RunStatus): string {
  const { state, waitingFor, result, undoUntil, effects, attempts } = status
  const workflowId = word(workflowIdOf(status.runKey))
  const speaker = speakerFlag(status.principal)
  const trials = status.timeline.filter(({ kind }) => kind === 'trial')
  const lines = [
    `## ${state}${waitingFor === null ? '' : `, waiting for ${waitingText(waitingFor)}`}`,
    '',
    ...status.pending.flatMap((ask) => question(workflowId, ask, speaker)),
    ...status.incidents.flatMap((each) => incident(workflowId, each, speaker)),
    ...(result?.because ? why(result.because) : []),
    ...(result?.drafts ?? []).flatMap(drafted),
    ...section(
      'Effects',
      points(effects.map((each) => `${effectWord(each, status)}: ${each.describe} (step ${each.step})`)),
    ),
    ...(state !== 'completed' || undoUntil === null
      ? []
      : section(`Can be undone until ${moment(undoUntil)}`, blocks(command('countersign undo', workflowId, speaker)))),
    ...section('Candidate policy (decides nothing)', points(trials.map(({ text }) => text))),
    ...section('Decided by people', points(attempts.filter(({ answer }) => answer.accepted).map(said))),
    ...about(status),
    ...timeline(status),
  ]
  return cut(lines.join('\n'))
}

const MAX_CHARACTERS = 18_000

const cut = (text: string): string => (text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}\n…` : text)
