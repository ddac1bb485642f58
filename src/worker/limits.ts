import type { Warrant } from '../contract/action.ts'
import { subjectOfAction } from '../contract/derive.ts'
import { shortened } from '../contract/plain-text.ts'
import { type Digest, digestOf } from '../contract/digest.ts'
import { fail } from '../contract/failures.ts'
import type { Json } from '../contract/json.ts'
import { isMoney } from '../contract/money.ts'
import { normaliseText } from '../contract/plain-text.ts'
import type { Principal } from '../contract/principal.ts'
import type { Measured, Reached } from '../contract/reached.ts'
import { robustScore } from '../contract/score.ts'
import type { WriteTool } from '../contract/tool.ts'
import type { HostKey } from '../identity/host-key.ts'
import { signReached } from '../identity/reached.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import type { Claim } from '../ledger/effects.ts'
import { amountsWithin, count, lockCounts, spentWithin } from '../ledger/limits.ts'
import { judgeReached } from '../policy/decide/limits.ts'
import type { Policy, WindowLimit } from '../policy/types.ts'

/** The newest amounts that a score is made of, at most. */
const MOST_SAMPLES = 1_000
const LONGEST_SUBJECT = 200

/** An action as one limit counts it. */
export interface Counted {
  readonly limit: WindowLimit
  /** `null`: not known, and then it is not counted: it is refused. */
  readonly subject: string | null
  /** Of the fact that the limit adds up or scores; `null`: it does neither, or that is not known. */
  readonly cents: number | null
  /** Names the limit, what it measures and the subject. */
  readonly digest: Digest
  /** The keyed hash that is stored in its place; absent: there are no keys. */
  readonly hidden?: string
}

type Asked = Pick<Warrant, 'facts' | 'evidence'>
type Asker = { readonly workflowType: string; readonly principal: Principal }

function subjectOf(limit: WindowLimit, tool: WriteTool, input: Json, asked: Asked, run: Asker): string | undefined {
  switch (limit.per) {
    case 'principal':
      return run.principal.subject
    case 'workspace':
      return run.principal.workspace
    case 'playbook':
      return run.workflowType
    default: {
      if (Object.hasOwn(tool.subjects ?? {}, limit.per)) {
        return subjectOfAction(tool, limit.per, input, asked.evidence)
      }
      const fact = Object.hasOwn(asked.facts, limit.per) ? asked.facts[limit.per] : undefined
      return typeof fact === 'string' ? fact : undefined
    }
  }
}

/** What an action is counted under, by the limits of its policy that speak of its tool. The facts are those of a checked warrant. */
export function countsOf(
  { limits = [] }: Policy,
  tool: WriteTool,
  input: Json,
  asked: Asked,
  run: Asker,
): readonly Counted[] {
  return limits.flatMap((limit): Counted[] => {
    if (limit.tool !== tool.name) return []
    const { id, per, of = null } = limit
    // One spelling of a name, so that nobody is counted twice.
    const subject = normaliseText(subjectOf(limit, tool, input, asked, run) ?? '') || null
    const fact = of !== null && Object.hasOwn(asked.facts, of) ? asked.facts[of] : undefined
    // What gives something back frees nothing.
    const cents = isMoney(fact) ? Math.max(fact.cents, 0) : null
    const digest = digestOf({ limit: id, playbook: run.workflowType, tool: tool.name, per, of, subject })
    return [{ limit, subject, cents, digest }]
  })
}

async function measure(tx: LedgerDatabase, claimed: Claim, counted: Counted): Promise<Measured> {
  const { limit, subject, cents, digest, hidden } = counted
  const names = hidden === undefined ? digest : [hidden, digest]
  const { windowMinutes, of } = limit
  if (subject === null) return { kind: 'unknown', what: limit.per }
  if (of !== undefined && cents === null) return { kind: 'unknown', what: of }
  if (limit.measure.kind === 'score') {
    const amount = cents ?? 0
    const amounts = await amountsWithin(tx, names, windowMinutes, claimed, MOST_SAMPLES)
    const samples = amounts.length
    if (samples < limit.measure.warmUp) return { kind: 'warming_up', amount, samples }
    return { kind: 'score', amount, samples, ...robustScore(amount, amounts) }
  }
  const { effects, cents: spent } = await spentWithin(tx, names, windowMinutes, claimed)
  return limit.measure.kind === 'sum'
    ? { kind: 'spent', spent, adds: cents ?? 0 }
    : { kind: 'spent', spent: effects, adds: 1 }
}

/**
 * Whether people approved an action knowing this of the limit: what was shown to them is no less than what is found. The
 * approvals of the warrant were checked, and are of a digest that what was shown is part of.
 */
function isApproved(found: Reached, shown: readonly Reached[]): boolean {
  const before = shown.find(({ limit }) => limit === found.limit)?.measured
  const { measured } = found
  if (before === undefined || before.kind !== measured.kind) return false
  return before.kind !== 'spent' || (measured.kind === 'spent' && measured.spent <= before.spent)
}

/**
 * Counts an effect under the limits of its policy, in the transaction that claimed it and under their locks, so that of
 * two that would each take the last of a limit one finds the other. Fails with `limit_reached`, and what was found, signed, is
 * in its details; unless people approved the action in that knowledge.
 */
export async function countWithin(
  tx: LedgerDatabase,
  key: HostKey,
  claimed: Claim,
  counts: readonly Counted[],
  shown: readonly Reached[] = [],
): Promise<void> {
  await lockCounts(
    tx,
    counts.map(({ digest }) => digest),
  )
  const { runKey, step, inputDigest } = claimed
  const reached: Reached[] = []
  const because: string[] = []
  let isAllowed = true
  for (const counted of counts) {
    const { limit, subject } = counted
    const measured = await measure(tx, claimed, counted)
    const found = signReached(key, {
      runKey,
      step,
      inputDigest,
      limit: limit.id,
      per: limit.per,
      of: limit.of ?? null,
      windowMinutes: limit.windowMinutes,
      subject: subject === null ? null : shortened(subject, LONGEST_SUBJECT),
      measured,
      at: new Date().toISOString(),
    })
    const match = judgeReached(limit, found)
    if (match === undefined) continue
    reached.push(found)
    because.push(`\`${limit.id}\`: ${match.because}`)
    isAllowed &&= match.effect === 'require_approval' && isApproved(found, shown)
  }
  if (!isAllowed) throw fail('limit_reached', because.join('; '), { reached })
  await count(
    tx,
    claimed,
    counts.map(({ digest, hidden, cents }) => ({ digest: hidden ?? digest, cents })),
  )
}
