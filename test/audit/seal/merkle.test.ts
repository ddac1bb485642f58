import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  consistencyProof,
  EMPTY_ROOT,
  type Hash,
  inclusionProof,
  isConsistent,
  isIncluded,
  leafHash,
  nodeHash,
  rootOf,
  sameHash,
  subtreesOf,
} from '../../../src/audit/seal/merkle.ts'
import { subtreesOfTiles, TILE_WIDTH, tilePath, tilesOf } from '../../../src/audit/seal/tiles.ts'

const hex = (hash: Hash): string => Buffer.from(hash).toString('hex')
const bytes = (text: string): Buffer => Buffer.from(text, 'hex')

/** The leaves and roots of the reference implementation of Certificate Transparency (google/certificate-transparency, merkle tree tests). */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]
const leaves = LEAVES.map((leaf) => leafHash(bytes(leaf)))

test.each(ROOTS.map((root, size) => [size, root] as const))(
  'the root of %i leaves is the published one',
  async (size, root) => {
    expect(hex(await rootOf(subtreesOf(leaves.slice(0, size)), size))).toBe(root)
  },
)

/** Inclusion proofs of the same tests: leaf, size, path. */
const PATHS = [
  [0, 1, []],
  [
    0,
    8,
    [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  ],
  [
    5,
    8,
    [
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
  [2, 3, ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125']],
] as const

test.each(PATHS)('the path of leaf %i of %i is the published one', async (index, size, path) => {
  expect((await inclusionProof(subtreesOf(leaves), index, size)).map(hex)).toEqual(path)
})

/** Consistency proofs of the same tests: sizes, path. */
const STEPS = [
  [1, 1, []],
  [
    1,
    8,
    [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  ],
  [
    6,
    8,
    [
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
  [
    2,
    5,
    [
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  ],
] as const

test.each(STEPS)('that %i leaves go on to %i shows the published path', async (old, size, path) => {
  expect((await consistencyProof(subtreesOf(leaves), old, size)).map(hex)).toEqual(path)
})

test('the example of RFC 9162, section 2.1.5: paths of a tree of seven leaves, and its steps', async () => {
  const [a, b, c, d, e, f, j] = leaves as [Hash, Hash, Hash, Hash, Hash, Hash, Hash, Hash]
  const [g, h, i] = [nodeHash(a, b), nodeHash(c, d), nodeHash(e, f)]
  const [k, l] = [nodeHash(g, h), nodeHash(i, j)]
  const seven = subtreesOf(leaves.slice(0, 7))
  const path = async (index: number) => (await inclusionProof(seven, index, 7)).map(hex)
  expect(await path(0)).toEqual([b, h, l].map(hex))
  expect(await path(3)).toEqual([c, g, l].map(hex))
  expect(await path(4)).toEqual([f, j, k].map(hex))
  expect(await path(6)).toEqual([i, k].map(hex))
  const step = async (old: number) => (await consistencyProof(seven, old, 7)).map(hex)
  expect(await step(3)).toEqual([c, d, g, l].map(hex))
  expect(await step(4)).toEqual([l].map(hex))
  expect(await step(6)).toEqual([i, j, k].map(hex))
})

const many = Array.from({ length: 600 }, (_, at) => leafHash(Buffer.from(`leaf ${at}`)))
const all = subtreesOf(many)
const sizes = fc.integer({ min: 1, max: 600 })

test('whatever the tree: a path shows its leaf, and neither another leaf, place, size nor root', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, fc.nat(), fc.nat(), async (size, seed, other) => {
      const index = seed % size
      const proof = await inclusionProof(all, index, size)
      const root = await rootOf(all, size)
      const leaf = many[index] as Hash
      const place = { index, size, proof, root }
      expect(isIncluded(leaf, place)).toBe(true)
      expect(proof.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)))
      const wrong = other % size
      expect(isIncluded(many[wrong] as Hash, place)).toBe(wrong === index)
      expect(isIncluded(leaf, { ...place, index: wrong })).toBe(wrong === index)
      expect(isIncluded(leaf, { ...place, root: await rootOf(all, size + 1 > 600 ? size - 1 : size + 1) })).toBe(false)
      expect(isIncluded(leaf, { ...place, proof: [...proof, leaf] })).toBe(false)
      expect(isIncluded(leaf, { ...place, proof: proof.slice(1) })).toBe(proof.length === 0)
      for (const count of [-1, 0.5, Number.NaN, 2 ** 60])
        expect(isIncluded(leaf, { ...place, index: count })).toBe(false)
    }),
    { numRuns: 150 },
  )
})

test('whatever two sizes: a step shows that one tree goes on from the other, and none shows it of another tree', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, sizes, fc.nat(), async (one, other, seed) => {
      const [old, size] = [Math.min(one, other), Math.max(one, other)]
      const proof = await consistencyProof(all, old, size)
      const before = { size: old, root: await rootOf(all, old) }
      const now = { size, root: await rootOf(all, size) }
      expect(isConsistent(before, now, proof)).toBe(true)
      const changed = many.with(seed % old, leafHash(Buffer.from('rewritten')))
      const rewritten = { size, root: await rootOf(subtreesOf(changed), size) }
      expect(isConsistent(before, rewritten, await consistencyProof(subtreesOf(changed), old, size))).toBe(false)
      expect(isConsistent(before, rewritten, proof)).toBe(false)
      expect(isConsistent(now, before, proof)).toBe(old === size)
      expect(isConsistent(before, now, proof.slice(1))).toBe(old === size)
      expect(isConsistent(before, now, [...proof, EMPTY_ROOT])).toBe(false)
    }),
    { numRuns: 150 },
  )
})

test('a step from nothing shows nothing, and only the empty tree is nothing', async () => {
  const now = { size: 5, root: await rootOf(all, 5) }
  expect(isConsistent({ size: 0, root: EMPTY_ROOT }, now, [])).toBe(true)
  expect(isConsistent({ size: 0, root: now.root }, now, [])).toBe(false)
  expect(isConsistent({ size: 0, root: EMPTY_ROOT }, now, [EMPTY_ROOT])).toBe(false)
})

test('out of tiles come the same roots and paths as out of all leaves, and of each tile few are read', async () => {
  const count = 66_000
  const big = Array.from({ length: count }, (_, at) => leafHash(Buffer.from(String(at))))
  const whole = subtreesOf(big)
  const levels: Hash[][] = [big]
  for (let level = 1; level < 3; level += 1) {
    const below = levels[level - 1] as Hash[]
    const full = Math.floor(below.length / TILE_WIDTH)
    const roots = Array.from({ length: full }, (_, at) =>
      rootOf(subtreesOf(below.slice(at * TILE_WIDTH, (at + 1) * TILE_WIDTH)), TILE_WIDTH),
    )
    levels.push(await Promise.all(roots))
  }
  let reads = 0
  const tiled = subtreesOfTiles(async (level, from, width) => {
    reads += 1
    return (levels[level] ?? []).slice(from, from + width)
  }, count)
  expect(sameHash(await rootOf(tiled, count), await rootOf(whole, count))).toBe(true)
  for (const index of [0, 255, 256, 40_000, 65_535, 65_536, count - 1]) {
    reads = 0
    expect((await inclusionProof(tiled, index, count)).map(hex)).toEqual(
      (await inclusionProof(whole, index, count)).map(hex),
    )
    expect(reads).toBeLessThanOrEqual(4)
  }
  expect((await consistencyProof(tiled, 300, count)).map(hex)).toEqual(
    (await consistencyProof(whole, 300, count)).map(hex),
  )
})

test('paths and widths of tiles are those of the examples of C2SP', () => {
  expect(tilePath(0, 1_234_067, 256)).toBe('tile/0/x001/x234/067')
  expect(tilePath('entries', 5, 17)).toBe('tile/entries/005.p/17')
  const tiles = [...tilesOf(70_000)]
  const at = (level: number, isFull: boolean) =>
    tiles.filter((tile) => tile.level === level && (tile.width === 256) === isFull).map(({ width }) => width)
  expect([at(0, true).length, at(0, false), at(1, true).length, at(1, false), at(2, false)]).toEqual([
    273,
    [112],
    1,
    [17],
    [1],
  ])
  expect([...tilesOf(256)]).toEqual([
    { level: 0, index: 0, width: 256 },
    { level: 1, index: 0, width: 1 },
  ])
})
