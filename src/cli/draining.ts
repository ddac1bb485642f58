import { CliError } from './errors.ts'
import type { Host } from './host.ts'
import type { RunningSteps } from './running-steps.ts'

/** After the grace: how long steps get to notice that they were cancelled, and then how long all else gets to close. */
export const DRAIN_MARGIN_MS = 5_000

/** The times of a drain, from its grace in seconds. */
export const drainTimes = (grace: number) => ({
  /** Steps that still run are cancelled. */
  shutdownGraceMs: grace * 1000,
  /** Steps that do not stop are given up. */
  shutdownForceMs: grace * 1000 + DRAIN_MARGIN_MS,
  /** The process has ended. */
  endMs: grace * 1000 + 2 * DRAIN_MARGIN_MS,
})

/**
 * Lets running steps finish, and cancels what still runs after the grace. Fails with `drain_incomplete`, naming what did
 * not stop.
 */
export async function drain(host: Host, running: RunningSteps, grace: number): Promise<void> {
  const { shutdownForceMs } = drainTimes(grace)
  const since = performance.now()
  try {
    await host.stop()
  } catch (error) {
    // By its time and not by its class: what the SDK throws then is what it met when it was torn down.
    if (performance.now() - since < shutdownForceMs) throw error
    throw new CliError(
      'drain_incomplete',
      `After ${shutdownForceMs / 1000} seconds there still ran ${running.text()}; it was given up.`,
      'Such a step is tried again as its contract says, or settled by the ledger. Have its tool heed `call.signal`, or raise `--grace`.',
      { cause: error },
    )
  }
}
