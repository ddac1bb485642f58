/** `2026-11-24 18:02:11 UTC`, of ISO 8601. */
export const moment = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`

/** `18:02:11`, UTC, of ISO 8601. */
export const clock = (iso: string): string => iso.slice(11, 19)
