/** A seeded source of choices: the same seed gives the same ones everywhere. */
export interface Random {
  /** An integer from 0 to below `end`. */
  below(end: number): number
  /** True in so many of a hundred. */
  chance(percent: number): boolean
  pick<T>(from: readonly T[]): T
  /** Another source, whose choices do not depend on how many were taken from this one. */
  fork(name: string): Random
}

/** FNV-1a, which spreads what differs in little. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193)
  return hash >>> 0
}

/** The generator is mulberry32: 32 bits of state are plenty for choices. */
export function randomOf(seed: string): Random {
  let state = hashOf(seed)
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (end: number): number => Math.floor(next() * end)
  return {
    below,
    chance: (percent) => below(100) < percent,
    pick<T>(from: readonly T[]): T {
      const picked = from[below(from.length)]
      if (from.length === 0) throw new RangeError('there is nothing to pick from')
      return picked as T
    },
    fork: (name) => randomOf(`${seed}/${name}`),
  }
}
