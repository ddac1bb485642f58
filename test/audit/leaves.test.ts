import { beforeAll, describe, expect, test } from 'vitest'
import { canonicalJson } from '../../src/contract/digest.ts'
import type { Json } from '../../src/contract/json.ts'
import type { SealedBundle } from '../../src/audit/seal/bundle.ts'
import { cosign } from '../../src/audit/seal/checkpoint.ts'
import { noteKeyId, SIGNATURE, signatureLine } from '../../src/audit/seal/note.ts'
import { type Against, verifyBundle } from '../../src/audit/verify/verify.ts'
import { closedRefund, withoutWindow } from '../privacy/erasing.ts'
import { testMasterKeys } from '../privacy/keys.ts'
import { useChangedPolicies } from '../support/own-policies.ts'
import { against, bytesOf, LogOf, newSealKey, ORIGIN, signerWith } from './seal/log-of.ts'
import { committedHistories, runKeyIn, sealCommitted, sealLive, storedOf } from './seal/runs.ts'

type Path = readonly (string | number)[]

/** Everything in a value that is no list and no object, and every empty one of these. */
function* leavesOf(value: Json, path: Path = []): Generator<{ readonly path: Path; readonly value: Json }> {
  const inner = typeof value === 'object' && value !== null ? Object.entries(value) : []
  if (inner.length === 0) yield { path, value }
  for (const [name, one] of inner) yield* leavesOf(one, [...path, Array.isArray(value) ? Number(name) : name])
}

/** Every list and object in a value: what can be dropped from, or added to. */
function* branchesOf(value: Json, path: Path = []): Generator<Path> {
  if (typeof value !== 'object' || value === null) return
  yield path
  for (const [name, one] of Object.entries(value))
    yield* branchesOf(one, [...path, Array.isArray(value) ? Number(name) : name])
}

/** Another value of the same kind. */
function other(value: Json): Json {
  if (typeof value === 'number') return value + 1
  if (typeof value === 'boolean') return !value
  if (typeof value !== 'string') return value === null ? 'x' : Array.isArray(value) ? ['x'] : { x: 'x' }
  const at = value.length >> 1
  return value === '' ? 'x' : value.slice(0, at) + (value[at] === 'a' ? 'b' : 'a') + value.slice(at + 1)
}

/** The bytes of a bundle in which what is at a path is otherwise. */
function mutated(bundle: SealedBundle, path: Path, change: (holder: never, name: never) => void): Buffer {
  const copy = JSON.parse(canonicalJson(bundle)) as Record<string | number, unknown>
  let holder = copy
  for (const name of path.slice(0, -1)) holder = holder[name] as typeof copy
  change(holder as never, path.at(-1) as never)
  return Buffer.from(canonicalJson(copy))
}

const replace = (value: Json) => (holder: Record<string | number, unknown>, name: string | number) =>
  void (holder[name] = value)
const drop = (holder: Record<string | number, unknown> | unknown[], name: string | number): void => {
  if (Array.isArray(holder)) holder.splice(Number(name), 1)
  else delete holder[name]
}

const masterKeys = testMasterKeys()
const world = useChangedPolicies(withoutWindow, { masterKeys })
const [key, witness, stranger] = [newSealKey(), newSealKey(), newSealKey()]
const bundles: SealedBundle[] = []
let by: Against

beforeAll(async () => {
  const signer = await signerWith(key)
  const shortest = committedHistories().toSorted((a, b) => (a.events?.length ?? 0) - (b.events?.length ?? 0))[0] ?? {}
  const { run } = await closedRefund(world())
  const runKey = await runKeyIn(world(), run)
  const runs = [
    await sealCommitted([shortest], signer),
    await sealLive(world(), runKey, await storedOf(world(), runKey), signer),
  ]
  const log = LogOf.of(runs, key)
  by = against(key, witness, await log.checkpoint())
  for (const [index, sealed] of runs.entries()) bundles.push(await log.bundle(sealed, index, witness))
}, 60_000)

describe('every value of a bundle', () => {
  test.each([
    ['a run in the clear', 0],
    ['an encrypted one', 1],
  ])(
    'is authenticated: %s',
    async (_what, at) => {
      const bundle = bundles[at] as SealedBundle
      const good = await verifyBundle(bytesOf(bundle), by)
      expect([good.isGood, good.ignored]).toEqual([true, []])
      const leaves = [...leavesOf(bundle as unknown as Json)]
      const missed: string[] = []
      for (const { path, value } of leaves) {
        for (const bytes of [mutated(bundle, path, replace(other(value))), mutated(bundle, path, drop)]) {
          const { isGood, verdicts } = await verifyBundle(bytes, by)
          const places = verdicts.filter(({ verdict }) => verdict === 'failed').flatMap(({ where }) => where)
          if (isGood || places.length === 0) missed.push(path.join('.'))
        }
      }
      expect(missed).toEqual([])
      expect(leaves.length).toBeGreaterThan(100)
    },
    120_000,
  )

  test('and nothing can be added to it, in whatever place', async () => {
    const bundle = bundles[0] as SealedBundle
    const missed: string[] = []
    for (const path of branchesOf(bundle as unknown as Json)) {
      const add = (holder: Record<string, unknown> | unknown[]): void =>
        void (Array.isArray(holder) ? holder.push('x') : (holder['x'] = 'x'))
      const bytes = mutated(bundle, [...path, 'x'], add)
      if ((await verifyBundle(bytes, by)).isGood) missed.push(path.join('.'))
    }
    expect(missed).toEqual([])
  }, 60_000)
})

test('what is ignored is listed: signatures of keys that the reader did not give, and nothing else', async () => {
  const bundle = bundles[0] as SealedBundle
  const { checkpoint, cosignatures } = bundle.log
  const text = checkpoint.slice(0, checkpoint.indexOf('\n\n') + 1)
  const signature = await stranger.sign(Buffer.from(text))
  const keyId = noteKeyId(ORIGIN, SIGNATURE.ed25519, stranger.publicKey)
  const seen = await cosign(text, { name: 'stranger.example', ...stranger }, new Date('2026-11-27T12:00:00Z'))
  const more = {
    ...bundle,
    log: {
      ...bundle.log,
      checkpoint: checkpoint + signatureLine({ name: ORIGIN, keyId, signature }),
      cosignatures: [...cosignatures, signatureLine(seen)],
    },
  }
  const told = await verifyBundle(bytesOf(more), by)
  expect(told.isGood).toBe(true)
  expect(told.ignored).toEqual([
    expect.stringMatching(/^log\.checkpoint: the signature of acme\.example\/countersign with the key /),
    expect.stringMatching(/^log\.cosignatures: the signature of stranger\.example with the key /),
  ])
  // Whoever gives the key has them looked at.
  const wrong = Uint8Array.from(seen.signature, (byte, at) => (at === seen.signature.length - 1 ? byte ^ 1 : byte))
  const lines = [...cosignatures, signatureLine({ ...seen, signature: wrong })]
  const forged = { ...more, log: { ...more.log, cosignatures: lines } }
  const looked = await verifyBundle(bytesOf(forged), { ...by, witnessKeys: [...by.witnessKeys, stranger.publicKey] })
  expect(looked.isGood).toBe(false)
  expect((await verifyBundle(bytesOf(forged), by)).isGood).toBe(true)
})
