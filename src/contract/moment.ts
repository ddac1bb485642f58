/** `2026-11-24 18:02:11 UTC`, of ISO 8601. */
export const moment = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`

/** `18:02:11`, UTC, of ISO 8601. */
export const clock = (iso: string): string => iso.slice(11, 19)

/** `2026-11-24` where something happened on another day than what was before it; `undefined`: on the same. */
export function newDay(at: string, before: string | undefined): string | undefined {
  const day = at.slice(0, 10)
  return day === before?.slice(0, 10) ? undefined : day
}
