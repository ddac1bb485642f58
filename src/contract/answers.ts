import type { LedgerEntry, Preview } from './action.ts'
import type { PreviewResult, ThinkResult, UndoResult } from './calls.ts'
import type { Receipt, RunKey, StepResult } from './evidence.ts'

/**
 * The shapes of what hosts answer. Whoever writes to the namespace can complete an activity by its id, with anything, and
 * the kernel has no key to verify a receipt with. It takes only what has the form of an answer to what it asked; a
 * forgery in good form is found when it is cited to a host, and by `countersign reconcile`.
 */
export type Answers<T> = (answer: unknown) => answer is T

/** The step that an answer has to be of. */
export interface AnsweredStep {
  readonly runKey: RunKey
  readonly step: string
  /** The name of the tool or of the thought. */
  readonly tool: string
}

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const RECEIPT_TEXTS = [
  'runKey',
  'step',
  'tool',
  'by',
  'inputDigest',
  'outputDigest',
  'kind',
  'reference',
  'at',
  'keyId',
  'signature',
] as const satisfies readonly (keyof Receipt)[]

/** Whether something has the form of a receipt; whether a host signed it is another question. */
const isReceipt = (value: unknown): value is Receipt =>
  isFields(value) && value['v'] === 1 && RECEIPT_TEXTS.every((name) => typeof value[name] === 'string')

/** Whether something has the form of a result with its receipt. */
export const isStepResult = (value: unknown): value is StepResult =>
  isFields(value) && isFields(value['output']) && isReceipt(value['receipt'])

const isOf = ({ receipt }: StepResult, { runKey, step, tool }: AnsweredStep): boolean =>
  receipt.runKey === runKey && receipt.step === step && receipt.tool === tool

/** The result of this very step: a read or a write. */
export const resultOfStep =
  (asked: AnsweredStep): Answers<StepResult> =>
  (answer): answer is StepResult =>
    isStepResult(answer) && isOf(answer, asked)

/** The result of this very thought. */
export const resultOfThought =
  (asked: AnsweredStep): Answers<ThinkResult> =>
  (answer): answer is ThinkResult => {
    if (!isStepResult(answer) || !isOf(answer, asked)) return false
    const { model, microUsd } = answer as unknown as Fields
    return typeof model === 'string' && Number.isSafeInteger(microUsd)
  }

/** What an action would change, or what the ledger has of this very step. */
export const previewOfStep =
  (asked: AnsweredStep): Answers<PreviewResult> =>
  (answer): answer is PreviewResult =>
    isFields(answer) && ('known' in answer ? isEntry(answer['known'], asked) : isPreview(answer['preview']))

const isPreview = (value: unknown): value is Preview =>
  isFields(value) && isFields(value['expect']) && Array.isArray(value['changes']) && value['changes'].every(isChange)

const isChange = (value: unknown): boolean =>
  isFields(value) && ['record', 'field', 'from', 'to'].every((name) => typeof value[name] === 'string')

function isEntry(value: unknown, asked: AnsweredStep): value is LedgerEntry {
  if (!isFields(value) || value['step'] !== asked.step || value['tool'] !== asked.tool) return false
  const { result } = value
  return typeof value['state'] === 'string' && (result === null || (isStepResult(result) && isOf(result, asked)))
}

/** What became of an effect that was to be undone. */
export const isUndoResult: Answers<UndoResult> = (answer): answer is UndoResult =>
  isFields(answer) &&
  (answer['state'] === 'undone' || answer['state'] === 'not_done') &&
  typeof answer['text'] === 'string'
