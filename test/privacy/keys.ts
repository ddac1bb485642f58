import { fail } from '../../src/contract/failures.ts'
import {
  localMasterKeys,
  type MasterKeys,
  type MasterKeysText,
  withNewMasterKey,
} from '../../src/privacy/master-keys.ts'

/** Master keys of a test, which can be rotated, and be away, under whoever uses them. */
export interface TestMasterKeys extends MasterKeys {
  /** Makes another key the current one; the ones before it still unwrap. */
  rotate(): void
  /** Forgets all but the current key. */
  forget(): void
  /** From now on they do not answer, or answer again. */
  setAway(away: boolean): void
  readonly unwrapped: () => number
}

export function testMasterKeys(): TestMasterKeys {
  let text: MasterKeysText = withNewMasterKey(undefined)
  let isAway = false
  let unwrapped = 0
  const keys = (): MasterKeys => localMasterKeys(JSON.stringify(text))
  const answer = (): MasterKeys => {
    if (isAway) throw fail('keys_unavailable', 'the KMS of this test does not answer')
    return keys()
  }
  return {
    get currentId() {
      return text.current
    },
    async wrap(plain, bound) {
      return await answer().wrap(plain, bound)
    },
    async unwrap(wrapped, bound) {
      unwrapped += 1
      return await answer().unwrap(wrapped, bound)
    },
    rotate: () => void (text = withNewMasterKey(text)),
    forget: () => void (text = { current: text.current, keys: { [text.current]: text.keys[text.current] ?? '' } }),
    setAway: (next) => void (isAway = next),
    unwrapped: () => unwrapped,
  }
}
