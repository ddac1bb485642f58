import { Argument, type Command, InvalidArgumentError } from 'commander'
import type { z } from 'zod'
import { firstIssue } from '../contract/issue.ts'
import { STOP_SCOPES, type StopScope, stopTarget, type StopTarget, stopWord, type StopWord } from '../contract/stop.ts'

/** Gives `stop` and `resume` what they share: of what, by whom and why. */
export const withStopWords = (command: Command): Command =>
  command
    .addArgument(new Argument('<what>', 'what to stop or to resume').choices(STOP_SCOPES))
    .argument('<name>', 'workflow id or run key; wire name of a tool, thought or playbook; workspace', parsedName)
    .requiredOption('--by <subject>', 'who says so', parsedWord('by'))
    .requiredOption('--reason <text>', 'why; it stands on the record', parsedWord('reason'))

/** The target of a command line; `scope` is one of the choices by now. */
export const targetOf = (scope: string, name: string): StopTarget => ({ scope: scope as StopScope, name })

const parsedName = (name: string): string => valid(stopTarget().shape.name, name)

const parsedWord =
  (key: keyof StopWord) =>
  (text: string): string =>
    valid(stopWord().shape[key], text)

function valid(schema: z.ZodType<string>, text: string): string {
  const parsed = schema.safeParse(text)
  if (parsed.success) return parsed.data
  throw new InvalidArgumentError(`It cannot be taken: ${firstIssue(parsed.error)}.`)
}
