import type { Json, JsonObject } from '../contract/json.ts'
import { shortened } from '../contract/plain-text.ts'
import type { Command } from './command.ts'

/** A place at which code sends something other than a history has; `undefined`: nothing is there. */
export interface Difference {
  /** Such as ``the activity `billing.refund` (billing.refund-1)``. */
  readonly command: string
  /** Into what the command says, such as `input.amount.cents`; empty for the whole of it. */
  readonly path: string
  readonly recorded: Json | undefined
  readonly sent: Json | undefined
}

/**
 * What of a history the code does not say again. Commands are matched by kind and id, in order. What is sent beyond a
 * history is none of it: an open run goes on, and a command too many does not replay.
 */
export function differencesOf(recorded: readonly Command[], sent: readonly Command[]): readonly Difference[] {
  const left = [...sent]
  return recorded.flatMap((command) => {
    const at = left.findIndex(({ kind, id }) => kind === command.kind && id === command.id)
    const [found] = at === -1 ? [] : left.splice(at, 1)
    const name = nameOf(command)
    if (found === undefined) return { command: name, path: '', recorded: command.says, sent: undefined }
    if (found.name !== '' && found.name !== command.name) {
      return { command: name, path: 'name', recorded: command.name, sent: found.name }
    }
    const both = command.kind === 'local activity' ? knownOf(command.says, found.says) : found.says
    return [...within(command.says, both, '')].map((difference) => ({ command: name, ...difference }))
  })
}

/** Of what a local activity is called with, the part that the history knows. */
const knownOf = (recorded: Json, sent: Json): Json =>
  Object.fromEntries(Object.keys(recorded as JsonObject).map((key) => [key, (sent as JsonObject)[key] ?? null]))

function nameOf({ kind, name, id }: Command): string {
  if (kind === 'end') return 'the end of the run'
  if (kind === 'search attributes') return 'the search attributes'
  return `the ${kind}${name === '' ? '' : ` \`${name}\``} (${id})`
}

function* within(
  recorded: Json | undefined,
  sent: Json | undefined,
  path: string,
): Generator<Omit<Difference, 'command'>> {
  if (recorded === sent) return
  if (isNested(recorded) && isNested(sent) && Array.isArray(recorded) === Array.isArray(sent)) {
    for (const key of new Set([...Object.keys(recorded), ...Object.keys(sent)])) {
      const deeper = Array.isArray(recorded) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`
      yield* within((recorded as JsonObject)[key], (sent as JsonObject)[key], deeper)
    }
    return
  }
  yield { path, recorded, sent }
}

const isNested = (json: Json | undefined): json is JsonObject | readonly Json[] =>
  typeof json === 'object' && json !== null

/** One line on a difference, with the beginning of both values. */
export function differenceText({ command, path, recorded, sent }: Difference): string {
  const where = path === '' ? '' : ` at \`${path}\``
  return `${command}${where}: the history has ${textOf(recorded)}, the code sends ${textOf(sent)}`
}

const textOf = (json: Json | undefined): string =>
  json === undefined ? 'nothing' : shortened(JSON.stringify(json), 200)
