import type { PlaybookContract } from './playbook.ts'
import type { ReadTool, Thought } from './tool.ts'

/** What the kernel's own steps and timers are called in a history. */
export const SUMMARIES = {
  open: 'open the run: principal, request, policy',
  hear: 'verify who says it',
  tell: 'tell people of the question',
  recall: 'ask the ledger what this run did',
  spent: 'ask the ledger what this run spent',
  seal: 'seal what the run takes along into its next execution',
  room: 'room for more steps',
  turn: 'what came before it',
  ending: 'steps under way are told to stop',
  undoWindow: 'undo window',
} as const

/** What a step is called that changes nothing: by its contract, and by nothing that anybody wrote. */
export const summaryOfStep = (contract: ReadTool | Thought): string =>
  contract.kind === 'read' ? contract.title : `${contract.title} (${contract.role})`

/** The summaries that are the same in every run of these playbooks. */
export const fixedSummaries = (contracts: Iterable<PlaybookContract>): ReadonlySet<string> =>
  new Set([
    ...Object.values(SUMMARIES),
    ...[...contracts].flatMap(({ tools, thoughts }) =>
      [...tools, ...thoughts].flatMap((one) => (one.kind === 'write' ? [] : summaryOfStep(one))),
    ),
  ])
