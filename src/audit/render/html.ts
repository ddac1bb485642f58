import { digestOfText } from '../../contract/digest.ts'
import { clock, moment, newDay } from '../../contract/moment.ts'
import { line } from '../record/execution.ts'
import { type AuditRecord, type Entry, type Proof, PROOFS } from '../record/types.ts'
import { cite, decidedSteps, KIND_WORDS, PROOF_MEANS, PROOF_WORDS, warningsIn } from './cite.ts'
import { explain } from './explain.ts'
import { STYLE } from './style.ts'

/** How long a text of an entry gets. */
const MOST = 2_000
/** How many characters of its details: the whole of them stands in the record. */
const MOST_DETAILS = 20_000

/** Text that is nothing but text, whatever somebody wrote. */
const safe = (text: string): string =>
  line(text, MOST).replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)

/** The details of an entry, indented, with what hides or reverses text made visible. */
const details = (entry: Entry): string => {
  const text = JSON.stringify(entry.says, undefined, 2).replace(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join(''),
  )
  const shown =
    text.length <= MOST_DETAILS
      ? text
      : `${text.slice(0, MOST_DETAILS).toWellFormed()}\n… the rest stands in the record`
  return shown.replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)
}

const badge = (proof: Proof): string =>
  `<span class="proof ${proof}" title="${safe(PROOF_MEANS[proof])}">${safe(PROOF_WORDS[proof])}</span>`

const linkTo = ({ seq }: Entry, text: string): string => `<a href="#entry-${seq}">${text}</a>`

/**
 * A record as one page that needs nothing else: no script, no font, no picture, and nothing of it is fetched. What browsers are told of that stands in
 * the page itself.
 */
export function recordHtml(record: AuditRecord): string {
  const { playbook, workflowId, state, entries } = record
  const warnings = warningsIn(record)
  const csp = `default-src 'none'; style-src 'sha256-${base64Of(STYLE)}'; base-uri 'none'; form-action 'none'`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${csp}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Audit record of ${safe(workflowId)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<p class="what">Audit record</p>
<h1>${safe(workflowId)}</h1>
<p><strong>${safe(playbook ?? 'unknown playbook')}</strong> <span class="ended">${safe(state)}</span></p>
${facts(record)}
</header>
${warnings.length === 0 ? '' : `<section class="warnings"><h2>To look at</h2><ul>${warnings.map((entry) => `<li>${safe(entry.text)} ${linkTo(entry, safe(cite(record, entry.events)))}</li>`).join('')}</ul></section>`}
${answers(record)}
<section><h2>Timeline</h2>
<p class="note">Times are UTC. Numbers in brackets are events in the history of the run. <em>Details</em> opens what the record says to the letter.</p>
${timeline(record)}
</section>
<section><h2>How to read it</h2>
<dl class="legend">${PROOFS.map((proof) => `<dt>${badge(proof)}</dt><dd>${safe(PROOF_MEANS[proof])}.</dd>`).join('')}</dl>
<p class="note">${entries.length} entries, derived from the histories named above and from nothing else, unless a difference says so. A page can be altered: the sealed record decides.</p>
</section>
</main>
</body>
</html>
`
}

/** The style is allowed by its digest, so that nothing that got into the page can bring another. */
const base64Of = (text: string): string =>
  Buffer.from(digestOfText(text).slice('sha256:'.length), 'hex').toString('base64')

function facts({ runKey, namespace, executions }: AuditRecord): string {
  const rows: readonly (readonly [string, string])[] = [
    ['Run', safe(runKey)],
    ['Namespace', safe(namespace)],
    ...executions.map(({ runId, events, digest, began, closed, closedBy }, index) => {
      const end = closed === null ? 'still open' : `${moment(closed)}, ${closedBy ?? ''}`
      const lines = [safe(runId), `${safe(moment(began))} to ${safe(end)}; ${events} events`, safe(digest)]
      return [executions.length === 1 ? 'Execution' : `Execution ${index + 1}`, lines.join('<br>')] as const
    }),
  ]
  return `<dl class="facts">${rows.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join('')}</dl>`
}

function answers(record: AuditRecord): string {
  const all = decidedSteps(record).flatMap((step) => explain(record, step) ?? [])
  if (all.length === 0) return ''
  const cards = all.map(
    ({ step, evidence, rule, undo }) => `<article><h3>${safe(step)}</h3>
<dl><dt>Which evidence?</dt><dd>${safe(evidence)}</dd><dt>Which rule?</dt><dd>${safe(rule)}</dd><dt>Which undo?</dt><dd>${safe(undo)}</dd></dl></article>`,
  )
  return `<section class="answers"><h2>Three answers</h2>${cards.join('\n')}</section>`
}

function timeline(record: AuditRecord): string {
  let list = ''
  let before: string | undefined
  for (const entry of record.entries) {
    const { seq, at, kind, proof, text, by, step, events } = entry
    const day = newDay(at, before)
    before = at
    if (day !== undefined) list += `${list === '' ? '' : '</ol>\n'}<h3 class="day">${safe(day)}</h3>\n<ol>\n`
    const whom = by === null ? '' : `<span class="by">${safe(by)}</span>`
    const where = step === null ? '' : `<span class="step">${safe(step)}</span>`
    list += `<li id="entry-${seq}" class="${kind}"><time datetime="${safe(at)}">${safe(clock(at))}</time>
<div><p class="head"><span class="kind">${KIND_WORDS[kind]}</span>${where}${whom}${badge(proof)}</p>
<p>${safe(text)} <span class="cite">${safe(cite(record, events))}</span></p>
<details><summary>Details</summary><pre>${details(entry)}</pre></details></div></li>
`
  }
  return list === '' ? '<p>Nothing is told.</p>' : `${list}</ol>`
}
