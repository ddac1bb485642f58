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
  // One that has no key of these ids: what it says is what a process says that lacks a master key.
  const others = localMasterKeys(JSON.stringify(withNewMasterKey(undefined, { id: 'other' })))
  return {
    get currentId() {
      return text.current
    },
    wrap: (plain, bound) =>
      isAway
        ? (others.unwrap({ masterKeyId: text.current, bytes: plain }, bound).then() as never)
        : keys().wrap(plain, bound),
    unwrap(wrapped, bound) {
      unwrapped += 1
      return (isAway ? others : keys()).unwrap(wrapped, bound)
    },
    rotate: () => void (text = withNewMasterKey(text)),
    forget: () => void (text = { current: text.current, keys: { [text.current]: text.keys[text.current] ?? '' } }),
    setAway: (next) => void (isAway = next),
    unwrapped: () => unwrapped,
  }
}
