import { Argument, type Command, InvalidArgumentError } from 'commander'
import type { z } from 'zod'
import { failureOf, failureRule } from '../contract/failures.ts'
import { firstIssue } from '../contract/issue.ts'
import type { Statement } from '../contract/statement.ts'
import { printRefusal } from './errors.ts'
import { EXIT } from './exit.ts'
import { OWN_WORKSPACE, type SpeakerOptions, statementsOf, withSpeaker } from './speaking.ts'
import type { CommonOptions, JsonOption } from './options.ts'
import { outJson } from './terminal.ts'
import { STOP_SCOPES, type StopScope, stopTarget, type StopTarget, stopWord } from '../contract/stop.ts'

/** Gives `stop` and `resume` what they share: of what, by whom and why. */
export const withStopWords = (command: Command): Command =>
  withSpeaker(command, 'who says so', OWN_WORKSPACE)
    .addArgument(new Argument('<what>', 'what to stop or to resume').choices(STOP_SCOPES))
    .argument('<name>', 'workflow id or run key; wire name of a tool, thought or playbook; workspace', parsedName)
    .requiredOption('--reason <text>', 'why; it stands on the record', parsedReason)

/** The target of a command line; `scope` is one of the choices by now. */
export const targetOf = (scope: string, name: string): StopTarget => ({ scope: scope as StopScope, name })

const parsedName = (name: string): string => valid(stopTarget().shape.name, name)

const parsedReason = (text: string): string => valid(stopWord().shape.reason, text)

function valid(schema: z.ZodType<string>, text: string): string {
  const parsed = schema.safeParse(text)
  if (parsed.success) return parsed.data
  throw new InvalidArgumentError(`It cannot be taken: ${firstIssue(parsed.error)}.`)
}

/** What `stop` and `resume` take. */
export interface StopOptions extends CommonOptions, SpeakerOptions {
  readonly reason: string
}

/** The signed word of whoever stops something or lets it go on. */
export async function signedWord(
  kind: 'stop' | 'resume',
  of: StopTarget,
  options: StopOptions,
): Promise<{ readonly reason: string; readonly statement: Statement }> {
  const { stopAbout } = await import('../worker/stopping.ts')
  const { reason, by: subject, workspace } = options
  return { reason, statement: await statementsOf(options)(stopAbout(kind, of, reason), { subject, workspace }) }
}

/**
 * What somebody's word came to. Where it does not count, that is said, with exit code 3, and as JSON where that is wanted: `undefined`.
 * What keeps anybody from hearing it is thrown.
 */
export async function heeded<T>(
  word: Promise<T>,
  target: StopTarget,
  { json }: JsonOption,
): Promise<{ readonly done: T } | undefined> {
  try {
    return { done: await word }
  } catch (error) {
    const failure = failureOf(error)
    const rule = failure === undefined ? undefined : failureRule(failure.code)
    if (failure === undefined || rule === undefined || !['caller', 'approver'].includes(rule.fault)) throw error
    if (json) outJson({ target, refused: { code: failure.code, message: failure.message } })
    printRefusal(failure.message, rule.help, failure.code)
    process.exitCode = EXIT.no
    return undefined
  }
}
