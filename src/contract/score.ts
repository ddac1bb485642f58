/** The two in the middle of a sorted list, added: twice its median. */
function twiceMedian(sorted: readonly bigint[]): bigint {
  const half = Math.floor(sorted.length / 2)
  const upper = sorted[half] ?? 0n
  return sorted.length % 2 === 1 ? upper * 2n : upper + (sorted[half - 1] ?? 0n)
}

const ascending = (left: bigint, right: bigint): number => (left < right ? -1 : left > right ? 1 : 0)

/**
 * How unusual an amount is among others: its distance from their median by 1.4826 times the median of their distances (the
 * robust z-score), in hundredths, rounded down. Where more than half of them are one and the same, the mean of their distances times
 * 1.2533 stands in; `null`: all of them are, and this is another. `median` is twice it. In whole numbers, so that it is the
 * same everywhere. At least one sample; safe integers.
 */
export function robustScore(
  amount: number,
  samples: readonly number[],
): { readonly median: number; readonly score: number | null } {
  const sorted = samples.map(BigInt).toSorted(ascending)
  const median = twiceMedian(sorted)
  const from = (value: bigint): bigint => (value * 2n > median ? value * 2n - median : median - value * 2n)
  const distances = sorted.map(from).toSorted(ascending)
  const away = from(BigInt(amount))
  const mad = twiceMedian(distances)
  const total = distances.reduce((sum, one) => sum + one, 0n)
  // `away` is twice the distance, `mad` four times the median distance, `total` twice the sum of distances.
  const [above, below] =
    mad > 0n ? [away * 2n * 1_000_000n, 14_826n * mad] : [away * BigInt(sorted.length) * 1_000_000n, 12_533n * total]
  const score = away === 0n ? 0 : below === 0n ? null : Number(above / below)
  return { median: Number(median), score: score === null ? null : Math.min(score, Number.MAX_SAFE_INTEGER) }
}
