import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { inputDigestOf } from '../../src/contract/action.ts'
import { digestOfText } from '../../src/contract/digest.ts'
import type { Identity } from '../../src/contract/statement.ts'
import type { RunHandle } from '../../src/client/index.ts'
import { BEN, type Office, person, signed, type Waiting } from './office.ts'

export const WORDS = ['approve', 'reject', 'change'] as const
export type Word = (typeof WORDS)[number]

/** Somebody whom no other test knows. */
export const somebody = (groups: readonly string[] = [], more: Partial<Identity> = {}): Identity =>
  person(`p-${randomUUID().slice(0, 13)}`, groups, more)

/** What somebody sends to decide on an action, as the gateway signed it for him. */
export function decisionBy(who: Identity, { step, actionDigest, action }: Waiting, decision: Word, comment = '') {
  const input = { item: `${(action.input as { item: string }).item}/otherwise` }
  const isChange = decision === 'change'
  const changed = isChange ? { inputDigest: inputDigestOf(action.tool, input) } : {}
  const words = { commentDigest: digestOfText(comment) }
  const about = { kind: 'decide', runKey: action.runKey, step, actionDigest, decision, ...words, ...changed } as const
  return { step, decision, comment, actionDigest, ...(isChange ? { input } : {}), statement: signed(about, who) }
}

/** A decision by somebody is refused, has no effect and stands on the record under his name; that of an approver counts. */
export async function expectRefused(
  office: Office,
  { item, run, pending }: { readonly item: string; readonly run: RunHandle; readonly pending: Waiting },
  { who, word, code }: { readonly who: Identity; readonly word: Word; readonly code: string },
): Promise<void> {
  const { boxes, tell, ledgerOf, as } = office
  expect(await tell(run.workflowId, 'decide', decisionBy(who, pending, word))).toBe(code)
  const { state, attempts, timeline, pending: waits } = await run.status()
  expect([state, waits.map(({ actionDigest }) => actionDigest)]).toEqual(['blocked', [pending.actionDigest]])
  expect(attempts).toMatchObject([{ by: who.subject, message: { decision: word }, answer: { accepted: false, code } }])
  expect(timeline.at(-1)?.text).toContain(`a decision by ${who.subject} was refused`)
  expect(boxes.asked(item)).toEqual([])
  expect(await ledgerOf(pending.action.runKey)).toEqual([])
  expect(await tell(run.workflowId, 'decide', decisionBy(BEN, pending, 'approve'))).toBe('accepted')
  expect(await as(BEN).run(run.workflowId).outcome()).toMatchObject({ state: 'completed' })
  expect(boxes.held(item)).toBe(1)
}
