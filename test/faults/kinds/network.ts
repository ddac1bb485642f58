import type { Fault } from '../fault.ts'
import type { Direction } from '../proxy.ts'
import { pause } from '../servers.ts'
import { type Link, LINKS, type Slot } from '../slot.ts'

const DIRECTIONS: readonly Direction[] = ['to', 'from']
const WORDS = {
  to: { temporal: 'to the Temporal server', database: 'to the database', provider: 'to the provider' },
  from: { temporal: 'from the Temporal server', database: 'from the database', provider: 'from the provider' },
} as const

/** Longer than an attempt and its lease. */
const CUT_MS = 4_500

const during =
  (ms: number, hurt: (slot: Slot) => void | Promise<void>): Fault['strike'] =>
  async ({ stage, random }) => {
    await pause(100 + random.below(900))
    await hurt(stage.victim)
    await pause(ms)
    await stage.victim.heal()
    return 1
  }

const cut = (link: Link, direction: Direction): Fault => ({
  name: `nothing goes ${WORDS[direction][link]}`,
  wish: {},
  strike: during(CUT_MS, (slot) => slot.links[link].cut(direction)),
})

/** Below the second by which a lease outlives its attempt. */
const slow = (link: Link, direction: Direction): Fault => ({
  name: `700 ms more ${WORDS[direction][link]}`,
  wish: {},
  strike: during(3_000, (slot) => slot.links[link].slow(direction, 700)),
})

const refuse = (link: Link): Fault => ({
  name: `connections ${WORDS.to[link]} are refused`,
  wish: {},
  strike: during(2_500, (slot) => slot.links[link].close()),
})

const reset = (link: Link): Fault => ({
  name: `connections ${WORDS.to[link]} are reset`,
  wish: {},
  strike: during(0, (slot) => slot.links[link].reset()),
})

export const networkFaults: readonly Fault[] = LINKS.flatMap((link) => [
  ...DIRECTIONS.map((direction) => cut(link, direction)),
  ...DIRECTIONS.map((direction) => slow(link, direction)),
  refuse(link),
  reset(link),
])
