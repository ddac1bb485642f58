/**
 * What went wrong with the development stack.
 *
 * `binary_missing`: no executable was found and none could be fetched. `temporal_failed`, `postgres_failed`: the
 * server did not start. `postgres_busy`: another process holds the data directory. `stack_running`: this state
 * directory already has a running stack. `stack_locked`: another process has held a lock for too long.
 */
export type StackErrorCode =
  | 'binary_missing'
  | 'temporal_failed'
  | 'postgres_failed'
  | 'postgres_busy'
  | 'stack_running'
  | 'stack_locked'

/**
 * The one error that this room throws on purpose. Match on `code`; `message` says what happened and `help` what to
 * do about it. Neither contains a password.
 */
export class StackError extends Error {
  readonly code: StackErrorCode
  readonly help: string

  constructor(code: StackErrorCode, message: string, help: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StackError'
    this.code = code
    this.help = help
  }
}

/** The message of anything that was thrown, on one line, for a list of reasons. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replaceAll(/\s*\n\s*/g, ' ').trim()
}
