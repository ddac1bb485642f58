import { tableOf } from '../table.ts'
import type { Answers } from './answers.ts'
import type { Played } from './play.ts'
import { moneyWords } from './records.ts'

/** The table of the demo and the three answers. */
export function summaryLines(played: readonly Played[], answers: Answers): readonly string[] {
  const rows = played.map(({ scene, result, money }, at) => [
    String(at + 1),
    scene.request,
    scene.expected.state,
    result.state,
    moneyWords(money),
  ])
  return [
    ...tableOf([['', 'REQUEST', 'EXPECTED', 'ENDED', 'MONEY MOVED'], ...rows]),
    '',
    `Why the $120.00 moved, read from event ${answers.eventId} of its history:`,
    `  which evidence?  ${answers.evidence}`,
    `  which rule?      ${answers.rule}`,
    `  which undo?      ${answers.undo}`,
  ]
}

/** The same for scripts. */
export const summaryJson = (played: readonly Played[], answers: Answers) => ({
  ok: played.every(({ asExpected }) => asExpected),
  runs: played.map(({ scene, workflowId, link, result, money, asExpected }) => ({
    name: scene.name,
    request: scene.request,
    workflowId,
    link,
    expected: scene.expected,
    ended: { state: result.state, movedCents: money.cents },
    refunds: money.refunds,
    because: result.because && { code: result.because.code, message: result.because.message },
    ok: asExpected,
  })),
  answers,
})
