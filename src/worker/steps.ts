import { ApplicationFailure, Context } from '@temporalio/activity'
import { isDeepStrictEqual } from 'node:util'
import { canonicalJson, digestOf } from '../contract/digest.ts'
import type { EvidenceKind, Receipt, RunKey, StepResult } from '../contract/evidence.ts'
import { fail, type FailureCode, isFailureCode } from '../contract/failures.ts'
import { inputDigestOf } from '../contract/action.ts'
import { firstIssue } from '../contract/issue.ts'
import { MAX_LOCAL_RESULT_BYTES, MAX_RAW_RESULT, MAX_RESULT_BYTES } from '../contract/limits.ts'
import type { Json, JsonObject } from '../contract/json.ts'
import { textOf } from '../contract/text.ts'
import type { Thought, Tool } from '../contract/tool.ts'
import { type HostKey } from '../identity/host-key.ts'
import { signReceipt } from '../identity/receipts.ts'
import { databaseFailure } from '../ledger/database.ts'
import { withoutSecrets, withoutSecretsIn } from '../privacy/secrets.ts'

/**
 * Parses an input on the host: what the kernel parsed is not believed. What people saw and what is done must be one
 * value, so a schema that changes its own output is refused: no transforms into another form.
 */
export function parseInput(contract: Tool | Thought, input: unknown): unknown {
  const parsed = contract.input.safeParse(input)
  if (!parsed.success) throw fail('input_invalid', `${contract.name}: ${firstIssue(parsed.error)}`)
  if (isDeepStrictEqual(withoutUndefined(parsed.data), input)) return parsed.data
  throw fail('input_invalid', `${contract.name}: its input schema changes what it has parsed already`)
}

/** Parses what a tool or a model returned into plain JSON, within the size that Temporal carries. */
export function parseOutput(contract: Tool | Thought, output: unknown, code: FailureCode = 'output_invalid'): Json {
  // Told before it is parsed and written out, which takes several times its memory.
  if (isLarger(output, MAX_RAW_RESULT)) {
    throw fail('result_too_large', `${contract.name}: the tool returned more than ${MAX_RAW_RESULT} characters`)
  }
  const parsed = contract.output.safeParse(output)
  if (!parsed.success) throw fail(code, `${contract.name}: ${firstIssue(parsed.error)}`)
  let text: string
  try {
    text = canonicalJson(parsed.data)
  } catch (error) {
    throw fail(code, `${contract.name}: ${String(error)}`)
  }
  const plain = JSON.parse(text) as Json
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) {
    throw fail(code, `${contract.name}: the output is no object`)
  }
  if (!isPlain(parsed.data)) {
    throw fail(code, `${contract.name}: the output holds what JSON cannot say, such as a date`)
  }
  if (text.includes('\\u0000')) throw fail(code, `${contract.name}: the output holds a NUL character`)
  assertCarried(text, `${contract.name}: the result`)
  return plain
}

/** Whether a value has more than so many characters in its texts, and one a value and key. */
export function isLarger(value: unknown, most: number): boolean {
  let left = most
  const open: unknown[] = [value]
  while (open.length > 0 && left >= 0) {
    const next = open.pop()
    left -= typeof next === 'string' ? next.length : 1
    if (typeof next === 'object' && next !== null) {
      for (const key in next) {
        open.push((next as Record<string, unknown>)[key])
        left -= 1
        if (left < 0) break
      }
    }
  }
  return left < 0
}

/** Fails with `result_too_large` on more than this attempt may answer with. `what` names it in the message. */
export function assertCarried(text: string, what: string): void {
  const most = Context.current().info.isLocal ? MAX_LOCAL_RESULT_BYTES : MAX_RESULT_BYTES
  const bytes = Buffer.byteLength(text)
  if (bytes > most) throw fail('result_too_large', `${what} has ${bytes} bytes, at most ${most} are carried`)
}

/** Whether a value is JSON as it stands; a date, for one, only becomes it. */
function isPlain(value: unknown): boolean {
  if (value === null || value === undefined || typeof value !== 'object') return true
  if (Array.isArray(value)) return value.every(isPlain)
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every(isPlain)
}

const withoutUndefined = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutUndefined)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([key, inner]) => [key, withoutUndefined(inner)]),
  )
}

/** A result with the host's signed statement of it. */
export function attested(
  key: HostKey,
  what: {
    readonly runKey: RunKey
    readonly step: string
    readonly tool: string
    readonly by: string
    readonly scopes: readonly string[]
    readonly input: Json
    readonly output: Json
    readonly kind: EvidenceKind
    readonly reference: string
  },
): StepResult {
  const { runKey, step, tool, by, scopes, input, output, kind, reference } = what
  const statement: Omit<Receipt, 'v' | 'keyId' | 'signature'> = {
    runKey,
    step,
    tool,
    by,
    scopes,
    inputDigest: inputDigestOf(tool, input),
    // The input of a local activity is not in the history, so the receipt repeats it.
    ...(Context.current().info.isLocal ? { asked: input } : {}),
    outputDigest: digestOf(output),
    kind,
    reference,
    at: new Date().toISOString(),
  }
  return { output, receipt: signReceipt(key, statement) }
}

/**
 * What every activity does with an error: ours go on as they are, a database or a tool that did not answer is retryable,
 * and anything else becomes `tool_threw`, with its message and without its stack.
 */
export const typed = (error: unknown): unknown => withoutSecretsOf(typedOf(error))

/** What a tool says of its failure may repeat a secret that it was handed. */
function withoutSecretsOf(error: unknown): unknown {
  if (!(error instanceof ApplicationFailure)) return error
  const message = withoutSecrets(error.message)
  const details = withoutSecretsIn(error.details ?? [])
  return message === error.message && details === (error.details ?? []) ? error : rebuilt(error, message, details)
}

function typedOf(error: unknown): unknown {
  const known = databaseFailure(error)
  if (known instanceof ApplicationFailure && isFailureCode(known.type)) return withoutStack(known)
  const { cancellationSignal, info } = Context.current()
  if (cancellationSignal.aborted) return error
  // The signal of `ToolCall`, as whoever was handed it throws it on.
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return withoutStack(fail('tool_unavailable', `\`${info.activityType}\` did not answer within its time`))
  }
  return withoutStack(fail('tool_threw', textOf(error)))
}

/** The same failure with more in its details. */
export const withDetails = (failure: ApplicationFailure, more: JsonObject): ApplicationFailure => {
  const first: unknown = failure.details?.[0]
  return withoutStack(failure, [{ ...(typeof first === 'object' ? first : {}), ...more }])
}

/** A typed failure says what it is; its stack would only put paths of this machine into the history. */
const withoutStack = (failure: ApplicationFailure, details = failure.details): ApplicationFailure =>
  rebuilt(failure, failure.message, details)

function rebuilt(
  { type, nonRetryable, category, nextRetryDelay }: ApplicationFailure,
  message: string,
  details: ApplicationFailure['details'],
): ApplicationFailure {
  const bare = ApplicationFailure.create({
    ...(type === undefined || type === null ? {} : { type }),
    message: message.toWellFormed(),
    nonRetryable: nonRetryable ?? false,
    details: details ?? [],
    ...(category === undefined || category === null ? {} : { category }),
    ...(nextRetryDelay === undefined || nextRetryDelay === null ? {} : { nextRetryDelay }),
  })
  bare.stack = ''
  return bare
}
