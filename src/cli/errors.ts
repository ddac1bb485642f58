import { StackError } from '../embedded/stack-error.ts'
import { failureOf, failureRule, isFailureCode } from '../contract/failures.ts'
import { failurePage } from './failure-page.ts'
import { GRPC, grpcOf } from '../client/grpc.ts'
import { plain, say, style } from './terminal.ts'

/** What keeps a command from running and is no failure of a run. */
export type CliErrorCode =
  | 'address_in_use'
  | 'config_invalid'
  | 'copy_unusable'
  | 'database_not_configured'
  | 'database_unreachable'
  | 'drain_incomplete'
  | 'login_failed'
  | 'login_invalid'
  | 'master_keys_missing'
  | 'models_invalid'
  | 'namespace_unknown'
  | 'no_answer'
  | 'not_logged_in'
  | 'runs_not_told'
  | 'log_damaged'
  | 'search_attribute_conflict'
  | 'setup_incomplete'
  | 'setup_needed'
  | 'signer_unreachable'
  | 'temporal_config_invalid'
  | 'temporal_failed'
  | 'temporal_not_configured'
  | 'temporal_unreachable'
  | 'unexpected'
  | 'version_without_worker'

/** An error with what to do about it, for the person at the terminal. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly code: CliErrorCode
  readonly help: string

  constructor(code: CliErrorCode, message: string, help: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.help = help
  }
}

/** Nobody has logged in, where somebody has to: exit code 1, whatever the command. */
export const notLoggedIn = (): CliError =>
  new CliError('not_logged_in', 'Nobody is logged in here.', 'Run `countersign login`.')

/** The command was called wrongly: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly help: string

  constructor(message: string, help: string) {
    super(message)
    this.help = help
  }
}

interface Explained {
  readonly message: string
  readonly help: string
  readonly code: string
}

/** What happened, what to do about it, and its code. */
export function explain(error: unknown): Explained {
  if (error instanceof CliError || error instanceof StackError) return error
  if (error instanceof UsageError) return { message: error.message, help: error.help, code: 'usage' }
  const failure = failureOf(error)
  if (failure !== undefined) {
    return { message: failure.message, help: failureRule(failure.code).help, code: failure.code }
  }
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof Error && error.name === 'ModelsConfigError') {
    return { message, help: 'Mend the file that COUNTERSIGN_MODELS names.', code: 'models_invalid' }
  }
  if (error instanceof Error && error.name === 'MappingError' && 'help' in error) {
    return { message, help: String(error.help), code: 'identity_invalid' }
  }
  if (error instanceof Error && error.name === 'BundleError') {
    const help = 'Run `countersign build` where the worker runs, on the same files; then start the worker again.'
    return { message, help, code: 'bundle_invalid' }
  }
  if (error instanceof Error && error.name === 'NamespaceNotFoundError') {
    const help = 'Create the namespace, or name another one with TEMPORAL_NAMESPACE.'
    return { message, help, code: 'namespace_unknown' }
  }
  const grpc = grpcOf(error)
  if (grpc?.code === GRPC.unavailable) {
    return { message: `Temporal went away: ${grpc.details}`, help: 'Try again.', code: 'temporal_unreachable' }
  }
  if (grpc?.code === GRPC.invalidArgument && grpc.details.includes('search attribute')) {
    const lacking = `Temporal does not know a search attribute: ${grpc.details}`
    return { message: lacking, help: 'Run `countersign setup`.', code: 'setup_needed' }
  }
  if (grpc !== undefined) {
    const help = grpc.code === GRPC.notFound ? 'Check the id and the namespace.' : 'See what Temporal said.'
    return { message: `Temporal refused: ${grpc.details}`, help, code: 'temporal_failed' }
  }
  return { message, help: 'Run it again with --verbose to see where it comes from.', code: 'unexpected' }
}

/** An error and what caused it, outermost first. */
function causesOf(error: unknown): readonly Error[] {
  const causes: Error[] = []
  for (let next = error; next instanceof Error && !causes.includes(next); next = next.cause) causes.push(next)
  return causes
}

/** Tells a person on stderr what happened, what to do, the code and its page; the stack only when asked for. */
export function printError(error: unknown, { verbose }: { readonly verbose: boolean }): void {
  const { message, help, code } = explain(error)
  const [first = '', ...more] = message.split('\n').map(plain)
  say(`${style('red', 'error:')} ${first}`)
  for (const line of more) say(`  ${line}`)
  sayWhatToDo(help, code)
  if (verbose) for (const { stack = '' } of causesOf(error)) say(stack)
}

/** Tells a person that the answer is no: what was asked, why not, what to do, and where to read more. */
export function printRefusal(message: string, help: string, code: string): void {
  say(`${style('yellow', 'refused:')} ${plain(message)}`)
  sayWhatToDo(help, code)
}

function sayWhatToDo(help: string, code: string): void {
  say(`  help  ${help}`)
  say(`  code  ${code}`)
  // The codes that only commands have say all there is to say.
  if (isFailureCode(code)) say(`  docs  ${failurePage(code)}`)
}
