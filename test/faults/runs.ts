import type { JsonObject } from '../../src/contract/json.ts'
import { refundOf } from './orders.ts'
import { type Via, VIAS } from './project/contracts.ts'
import type { Leg, TransferRequest } from './project/request.ts'
import type { Random } from './random.ts'

/** What people do besides what is asked of them. */
export type Noise = 'none' | 'duplicates' | 'early' | 'flood'

/** A run as it is going to be asked for, and what people are going to do about it. */
export interface RunPlan {
  readonly playbook: 'transfer' | 'held_transfer' | 'refund_request'
  readonly request: JsonObject
  /** What an approver answers. */
  readonly answer: 'approve' | 'reject'
  /** Whether an operator takes it back once it has completed. */
  readonly undo: boolean
  /** When somebody cancels it; milliseconds after its start. */
  readonly cancelAfterMs: number | null
  readonly noise: Noise
  /** It is no playbook: nothing that it asks for may happen. */
  readonly isForged: boolean
}

/** What a fault would like to meet. */
export interface Wish {
  /** Only these ways of moving money. */
  readonly vias?: readonly Via[]
  /** What the transfers do when they are through; default: mostly return. */
  readonly finally?: TransferRequest['finally']
  readonly held?: boolean
  readonly advised?: boolean
  /** Amounts that people are asked about. */
  readonly asked?: boolean
  readonly noise?: Noise
  readonly forged?: boolean
  readonly padding?: number
  readonly lingerMs?: number
  readonly refunds?: boolean
}

/** Cents that need no approval, cents that do, and cents that the policy denies. */
const SMALL = [100, 4_900] as const
const LARGE = [5_000, 90_000] as const
const DENIED = 100_000

const between = (random: Random, [low, high]: readonly [number, number]): number => low + random.below(high - low)

function legOf(random: Random, wish: Wish): Leg {
  const asked = wish.asked ?? random.chance(25)
  const cents = !asked && random.chance(3) ? DENIED : between(random, asked ? LARGE : SMALL)
  const account = `acc_${random.below(20)}`
  return { via: random.pick(wish.vias ?? VIAS), account, cents, memo: wish.forged === true ? 'forge' : 'rent' }
}

/** A refund of an order that no other run is about, in about a seventh of the cases. */
const wantsRefund = (random: Random, wish: Wish): boolean =>
  wish.refunds ?? (Object.keys(wish).length === 0 && random.chance(15))

/** Plans a run. `order`: numbers the orders that are left. */
export function planRun(random: Random, wish: Wish, order: () => number): RunPlan {
  const answer = random.chance(85) ? 'approve' : 'reject'
  const people = { answer, noise: wish.noise ?? 'none', isForged: wish.forged === true } as const
  const undo = random.chance(50)
  if (wantsRefund(random, wish)) {
    return { ...people, playbook: 'refund_request', request: refundOf(order()), undo, cancelAfterMs: null }
  }
  const held = wish.held ?? random.chance(30)
  const end = wish.finally ?? random.pick(['return', 'return', 'return', 'throw', 'escalate'] as const)
  const request: TransferRequest = {
    legs: Array.from({ length: wish.forged === true ? 2 : 1 + random.below(3) }, () => legOf(random, wish)),
    atOnce: random.chance(30),
    advised: wish.advised ?? random.chance(20),
    finally: end,
    padding: wish.padding ?? 0,
    lingerMs: wish.lingerMs ?? 0,
  }
  return {
    ...people,
    playbook: held ? 'held_transfer' : 'transfer',
    request: { ...request },
    undo: held && (wish.held === true || undo),
    cancelAfterMs: Object.keys(wish).length === 0 && random.chance(10) ? random.below(1_500) : null,
  }
}
