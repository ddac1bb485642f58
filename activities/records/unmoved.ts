import { canonicalJson } from '../../src/contract/digest.ts'
import { fail } from '../../src/contract/failures.ts'
import type { JsonObject } from '../../src/contract/json.ts'

/**
 * Compares the fields that a preview rested on with those of now; `{}` expects nothing. Call it after the row is
 * locked. Fails with `world_moved`.
 */
export function assertUnmoved(record: string, expect: JsonObject, now: JsonObject): void {
  if (Object.keys(expect).length === 0) return
  if (canonicalJson(expect) === canonicalJson(now)) return
  throw fail('world_moved', `\`${record}\` changed after the action was shown; look at it again.`, {
    record,
    expect,
    now,
  })
}
