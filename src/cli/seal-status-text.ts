import type { SealStatus } from '../audit/sealing/status.ts'
import type { Unsealed } from '../ledger/sweep-standing.ts'

/** `2 d`, `3 h`, `4 min`, `5 s` */
function ageText(seconds: number): string {
  if (seconds >= 172_800) return `${Math.floor(seconds / 86_400)} d`
  if (seconds >= 7_200) return `${Math.floor(seconds / 3_600)} h`
  return seconds >= 120 ? `${Math.floor(seconds / 60)} min` : `${seconds} s`
}

/** How the log stands, a line each. */
export function statusLines(status: SealStatus, now = new Date()): readonly string[] {
  const { runs, closed, missingRuns, oldest, goneBefore, unknownToLedger, missing, altered } = status
  const age = (at: Date): string => ageText(Math.max(0, Math.round((now.getTime() - at.getTime()) / 1_000)))
  return [
    `runs     ${closed} closed, ${runs.sealed} of them sealed; ${runs.open} not known to be closed`,
    `missing  ${missingRuns}${oldest === null ? '' : `, the oldest for ${ageText(oldest.seconds)}`}`,
    ...missing.map(missingText),
    `altered  ${runs.altered}`,
    ...altered.map(
      ({ runKey, why }) => `         ${runKey}: Temporal now tells otherwise of what was sealed, in ${why ?? ''}`,
    ),
    ...(unknownToLedger === 0 ? [] : [`unknown  ${unknownToLedger} that Temporal had and the ledger has not`]),
    ...(goneBefore === 0
      ? []
      : [`before   ${goneBefore} were over, and their histories gone, before there was a sweep`]),
    ...(runs.elsewhere === 0 ? [] : [`others   ${runs.elsewhere} are at home elsewhere, and sealed there`]),
    logText(status, age),
    ...(status.copies === null ? [] : [`copies   ${status.copies.missing} missing in ${status.copies.store}`]),
    sweepText(status, age),
  ]
}

const missingText = ({ runKey, since, attempts, why }: Unsealed): string =>
  `         ${runKey}, since ${since.toISOString()}${attempts === 0 ? '' : `, ${attempts} attempts: ${why ?? ''}`}`

function logText({ log: { size, checkpoint } }: SealStatus, age: (at: Date) => string): string {
  if (checkpoint === null) return `log      ${size} leaves, no checkpoint`
  const { size: signed, at, witnesses } = checkpoint
  return `log      ${size} leaves; the checkpoint is over ${signed}, ${age(at)} old, seen by ${witnesses} witnesses`
}

function sweepText({ last }: SealStatus, age: (at: Date) => string): string {
  if (last === null || last.beganAt === null) return 'sweep    there was none: start `countersign audit sweeper`'
  const { beganAt, endedAt, sealed, failed, trouble } = last
  const why = trouble === null ? '' : `: ${trouble}`
  if (endedAt === null || endedAt < beganAt) return `sweep    under way for ${age(beganAt)}${why}`
  return `sweep    ended ${age(endedAt)} ago, ${sealed} sealed, ${failed} failed${why}`
}
