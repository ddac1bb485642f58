import { moment } from '../contract/moment.ts'
import type { Notice } from '../contract/notice.ts'

/** What is sent: a question, or a reminder of one. */
export type NoticeKind = 'asked' | `reminder-${number}`

/** One line, whatever somebody wrote: no control characters, and nothing that turns text round. */
const line = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim()
const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text)

const subjectOf = (notice: Notice, kind: NoticeKind): string =>
  cut(line(`${kind === 'asked' ? 'Approval needed' : 'Still waiting for approval'}: ${notice.describe}`), 200)

interface Part {
  readonly title: string
  readonly lines: readonly string[]
}

const part = (title: string, lines: readonly string[]): readonly Part[] =>
  lines.length === 0 ? [] : [{ title, lines: lines.slice(0, 20).map((each) => cut(line(each), 500)) }]

/** All that is told, in parts. */
function partsOf(notice: Notice, link: string | null): readonly Part[] {
  return [
    ...part('What', [
      notice.describe,
      `step ${notice.step} of ${notice.playbook} ${notice.workflowId}, in ${notice.workspace}`,
    ]),
    ...part('Asked by', [notice.requester]),
    ...part('Needs', [`${notice.requires.join(' and ')}, until ${moment(notice.deadline)}`]),
    ...part('Because', notice.because),
    ...part('Facts', notice.facts),
    ...part('Would change', notice.changes),
    ...part('Rests on', notice.evidence),
    ...part('Digest', [notice.actionDigest, `policy ${notice.policyDigest}`]),
    ...part('Answer with', notice.commands),
    ...part('Look at it', link === null ? [] : [link]),
  ]
}

/** The page of a run; `null`: none is known. */
export const linkOf = (
  link: string | null,
  { workflowId, runId }: Pick<Notice, 'workflowId' | 'runId'>,
): string | null =>
  link?.replaceAll('{workflow_id}', encodeURIComponent(workflowId)).replaceAll('{run_id}', runId) ?? null

const html = (text: string): string => text.replace(/[&<>"']/g, (letter) => `&#${letter.codePointAt(0)};`)

/** A message by e-mail. */
export function mailOf(notice: Notice, kind: NoticeKind, link: string | null) {
  const parts = partsOf(notice, link)
  return {
    subject: subjectOf(notice, kind),
    text: parts.map(({ title, lines }) => `${title}\n${lines.map((each) => `  ${each}`).join('\n')}`).join('\n\n'),
    html: parts.map(({ title, lines }) => `<h4>${html(title)}</h4><pre>${lines.map(html).join('\n')}</pre>`).join('\n'),
  }
}

/** Slack's own three: what is escaped is neither a link nor a mention. */
const slack = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** A message for an incoming webhook of Slack, or of what is compatible with it: plain text, in which nothing is a link or a mention. */
export function slackOf(notice: Notice, kind: NoticeKind, link: string | null): object {
  const plain = (text: string) => ({ type: 'plain_text', text: cut(text, 2_900), emoji: false })
  const [, ...rest] = partsOf(notice, link)
  return {
    text: slack(subjectOf(notice, kind)),
    unfurl_links: false,
    unfurl_media: false,
    blocks: [
      { type: 'header', text: plain(cut(subjectOf(notice, kind), 150)) },
      ...rest.map(({ title, lines }) => ({ type: 'section', text: plain(`${title}\n${lines.join('\n')}`) })),
    ],
  }
}

/** The body of a webhook: the notice as it is, for machines. */
export const webhookOf = (notice: Notice, kind: NoticeKind, link: string | null): string =>
  JSON.stringify({ type: kind === 'asked' ? 'approval.asked' : 'approval.reminder', kind, link, notice })
