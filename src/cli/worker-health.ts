import { freePort, LOOPBACK } from '../embedded/ports.ts'
import { type HealthAddress, serveHealth } from '../worker/health-server.ts'
import { prometheusOf, type WorkerMetrics } from '../worker/prometheus.ts'
import { type Check, readinessOf } from '../worker/readiness.ts'
import { CliError } from './errors.ts'
import type { Host } from './host.ts'
import { metricsText } from './metrics-text.ts'
import type { Stopping } from './stopping.ts'

/** What a worker process answers about itself. */
export interface WorkerHealth {
  /** `127.0.0.1:9464`; `null`: it is not served. */
  readonly address: string | null
  readonly metrics: WorkerMetrics
  /** Where Temporal has to serve its metrics, for this process alone to read. */
  readonly temporalMetrics: string
  /** From now on there is a worker, and these checks say whether it is ready. */
  readonly begin: (host: Host, checks: readonly Check[]) => void
  readonly close: () => Promise<void>
}

/**
 * Serves health, readiness and metrics (`null`: nowhere). Before `begin`, and from the first signal to stop on, the
 * worker is not ready. Fails with `address_in_use`.
 */
export async function openHealth(address: HealthAddress | null, stopping: Stopping): Promise<WorkerHealth> {
  const metrics = prometheusOf()
  const temporalMetrics = `${LOOPBACK}:${await freePort()}`
  let host: Host | undefined
  let readiness = readinessOf([])
  const sources = {
    phase() {
      if (stopping.isAsked()) return 'draining' as const
      if (host === undefined) return 'starting' as const
      return host.status().runState === 'RUNNING' ? ('running' as const) : ('failed' as const)
    },
    readiness: () => readiness(),
    metrics: () => metricsText(metrics, temporalMetrics),
  }
  const server = address === null ? undefined : await serveHealth(address, sources).catch(refused(address))
  return {
    address: server?.address ?? null,
    metrics,
    temporalMetrics,
    begin(worker, checks) {
      host = worker
      readiness = readinessOf(checks)
    },
    close: async () => await server?.close(),
  }
}

/** What is thrown where an address for health and metrics is taken. */
export const refused =
  ({ host, port }: HealthAddress) =>
  (cause: NodeJS.ErrnoException): never => {
    throw new CliError(
      'address_in_use',
      `Health and metrics cannot be served at ${host}:${port} (${cause.code ?? cause.message}).`,
      'Name another address with `--health-address` or COUNTERSIGN_HEALTH_ADDRESS; `off` serves nothing.',
      { cause },
    )
  }
