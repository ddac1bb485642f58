/** What is looked at, in this order; each has its own verdict. The names stand in the output of `countersign audit verify`. */
export const CHECKS = [
  'file',
  'envelope',
  'members',
  'tree',
  'inclusion',
  'checkpoint',
  'witness',
  'record',
  'reading',
  'policy',
  'receipts',
  'statements',
  'code',
] as const
export type Check = (typeof CHECKS)[number]

/**
 * `failed`: something disagrees, and `where` names what. `skipped`: what it takes was not given. `sealed`: part of it is encrypted, the rest
 * is in order; `erased`: the same, and nobody can read that part any more.
 */
export const VERDICTS = ['ok', 'failed', 'skipped', 'sealed', 'erased'] as const

export interface Verdict {
  readonly check: Check
  readonly verdict: (typeof VERDICTS)[number]
  /** One sentence. */
  readonly message: string
  /** The places that disagree, such as `entry 7 (tool_call billing.refund-1)` or `member policy`. */
  readonly where: readonly string[]
}

/** Places that are named, at most: a file that is another one altogether disagrees everywhere. */
const MOST_NAMED = 20

type Made = (check: Check, message: string, where?: readonly string[]) => Verdict

export const ok: Made = (check, message, where = []) => ({ check, verdict: 'ok', message, where })
export const skipped: Made = (check, message, where = []) => ({ check, verdict: 'skipped', message, where })

/** `where` must not be empty: a failure has a place. */
export const failed = (check: Check, message: string, where: readonly string[]): Verdict => ({
  check,
  verdict: 'failed',
  message,
  where: where.length > MOST_NAMED ? [...where.slice(0, MOST_NAMED), `and ${where.length - MOST_NAMED} more`] : where,
})

/** A place at which something cannot be read. */
export interface Veiled {
  readonly where: string
  readonly veil: 'sealed' | 'erased'
}

/** What is in order as far as it can be read. */
export function readable(check: Check, message: string, veiled: readonly Veiled[]): Verdict {
  if (veiled.length === 0) return ok(check, message)
  const verdict = veiled.some(({ veil }) => veil === 'erased') ? 'erased' : 'sealed'
  const where = veiled.map((one) => one.where)
  const rest = `${message}; ${veiled.length} cannot be read`
  return { ...failed(check, rest, where), verdict }
}
