import { userInfo } from 'node:os'
import { shortened } from '../contract/plain-text.ts'

/** How the record names somebody whom nobody proved. */
export const notProved = (by: string): string => `${shortened(by, 150)} (not proved)`

/** Who says something at this terminal, unless he says who he is. */
export function whoIsHere(): string {
  try {
    return userInfo().username
  } catch {
    // A container may run as somebody without a name.
    return 'unknown'
  }
}

export const BY = 'who says so; nobody proves it, and the record says that'
