import type { WorkerMetrics } from '../worker/prometheus.ts'

const PATIENCE_MS = 2_000

/** Our metrics with Temporal's behind them; `countersign_temporal_metrics_up` says whether those were to be had. */
export async function metricsText(ours: WorkerMetrics, temporalAddress: string): Promise<string> {
  const [own, temporals] = await Promise.all([ours.text(), fetched(`http://${temporalAddress}/metrics`)])
  const up =
    '# HELP countersign_temporal_metrics_up Whether the metrics of Temporal are below.\n' +
    `# TYPE countersign_temporal_metrics_up gauge\ncountersign_temporal_metrics_up ${temporals === undefined ? 0 : 1}\n`
  return `${own.trimEnd()}\n${up}${temporals ?? ''}`
}

async function fetched(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) })
    return response.ok ? await response.text() : undefined
  } catch {
    // Whoever scrapes is told by the number above.
    return undefined
  }
}
