import { LogError } from '../audit/seal/log.ts'
import { StepError } from '../audit/seal/remembered.ts'
import { CliError } from './errors.ts'

/** Fails with `log_damaged` where the log is not what was signed of it. */
export async function soundLog<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof LogError || error instanceof StepError)) throw error
    throw new CliError(
      'log_damaged',
      `The log is not what it has to be: ${error.message}.`,
      'See who can write to the database, and what was restored into it.',
      { cause: error },
    )
  }
}
