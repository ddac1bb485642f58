import { type Hash, type Subtrees, subtreesOf } from './merkle.ts'

/** Hashes in a full tile (c2sp.org/tlog-tiles). */
export const TILE_WIDTH = 256
const TILE_HEIGHT = 8

/** Hashes of tiles: `count` of them at a level, from an index on. At level 0 they are of leaves, above of full tiles below. */
export type ReadHashes = (level: number, from: number, count: number) => Promise<readonly Hash[]>

/** The path of a tile: `tile/0/x001/067`, with `.p/17` where it is partial. `entries`: of what the leaves are of. */
export function tilePath(level: number | 'entries', index: number, width: number): string {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, '0')
  const parts = digits.match(/.{3}/g) ?? []
  const path = parts.map((part, at) => (at === parts.length - 1 ? part : `x${part}`)).join('/')
  return `tile/${level}/${path}${width === TILE_WIDTH ? '' : `.p/${width}`}`
}

/** A tile of a tree. */
export interface Tile {
  readonly level: number
  readonly index: number
  readonly width: number
}

/** How many hashes stand at a level of the tiles of a tree. */
export const widthAt = (level: number, size: number): number => Math.floor(size / TILE_WIDTH ** level)

/** Every tile of a tree of so many leaves, partial ones too. */
export function* tilesOf(size: number): Generator<Tile> {
  for (let level = 0; widthAt(level, size) > 0; level += 1) {
    const hashes = widthAt(level, size)
    for (let index = 0; index * TILE_WIDTH < hashes; index += 1) {
      yield { level, index, width: Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH) }
    }
  }
}

/** The perfect trees in a tree of so many leaves, out of its tiles; a tile is read once. */
export function subtreesOfTiles(read: ReadHashes, size: number): Subtrees {
  const tiles = new Map<string, Promise<Subtrees>>()
  const tileAt = (level: number, index: number): Promise<Subtrees> => {
    const key = `${level} ${index}`
    const from = index * TILE_WIDTH
    const count = Math.min(TILE_WIDTH, widthAt(level, size) - from)
    const tile = tiles.get(key) ?? read(level, from, count).then(subtreesOf)
    tiles.set(key, tile)
    return tile
  }
  return async (height, index) => {
    const level = Math.floor(height / TILE_HEIGHT)
    const within = height % TILE_HEIGHT
    const inTile = 2 ** (TILE_HEIGHT - within)
    const tile = await tileAt(level, Math.floor(index / inTile))
    return await tile(within, index % inTile)
  }
}
