import { type Batch, percentile, totalCpu } from './batch.ts'
import type { History } from './variants.ts'

/** A batch, and of what it was. */
export interface Measured {
  readonly variant: string
  readonly batch: Batch
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low, high] = [sorted[middle - 1 + (sorted.length % 2)], sorted[middle]]
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2
}

const ofVariant = (all: readonly Measured[], variant: string): readonly Batch[] =>
  all.filter((each) => each.variant === variant).map(({ batch }) => batch)

const over = (batches: readonly Batch[], figure: (batch: Batch) => number): number => median(batches.map(figure))

/** Which variant is measured against which: the batches of the same round. */
export type Pairs = readonly (readonly [variant: string, base: string])[]

const recorded = (batches: readonly Batch[], figure: keyof History): string =>
  batches.some(({ history }) => history === undefined)
    ? '–'
    : String(over(batches, ({ history }) => history?.[figure] ?? Number.NaN))

function ratio(all: readonly Measured[], variant: string, base: string, figure: (batch: Batch) => number): string {
  const [upper, lower] = [ofVariant(all, variant), ofVariant(all, base)]
  const pairs = upper.map((batch, round) => figure(batch) / figure(lower[round] ?? batch))
  const [least, most] = [Math.min(...pairs), Math.max(...pairs)]
  return `${median(pairs).toFixed(2)} (${least.toFixed(2)}–${most.toFixed(2)})`
}

/** A Markdown table. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n')
}

/** Two Markdown tables: medians a variant, then the median ratio of the pairs with the smallest and the largest. */
export function summary(all: readonly Measured[], concurrency: number, pairs: Pairs): string {
  const names = [...new Set(all.map(({ variant }) => variant))]
  const rows = names.map((name) => {
    const batches = ofVariant(all, name)
    const part = (of: keyof Batch['cpu']) => over(batches, ({ cpu, runs }) => cpu[of] / runs).toFixed(1)
    return [
      name,
      over(batches, ({ runs, wallMs }) => (1000 * runs) / wallMs).toFixed(1),
      over(batches, (batch) => percentile(batch, 50)).toFixed(0),
      over(batches, (batch) => percentile(batch, 95)).toFixed(0),
      over(batches, totalCpu).toFixed(1),
      `${part('server')} + ${part('worker')} + ${part('database')} + ${part('driver')}`,
      recorded(batches, 'events'),
      recorded(batches, 'bytes'),
    ]
  })
  const ratios = pairs.map(([variant, base]) => [
    `${variant} / ${base}`,
    ratio(all, variant, base, totalCpu),
    ratio(all, variant, base, ({ runs, wallMs }) => runs / wallMs),
    ratio(all, variant, base, (batch) => percentile(batch, 50)),
  ])
  const cpu = 'server + worker + database + driver'
  return [
    `\n## ${concurrency} at a time, ${all.length / names.length} pairs\n`,
    table(['variant', 'runs/s', 'p50 ms', 'p95 ms', 'CPU ms/run', cpu, 'events', 'bytes'], rows),
    '',
    table(['ratio', 'CPU', 'throughput', 'p50'], ratios),
  ].join('\n')
}
