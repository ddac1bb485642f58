import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sampleThoughts } from '../../activities/index.ts'
import type { SampleOrder } from '../../activities/records/sample.ts'
import type { RunHandle } from '../../src/client/index.ts'
import type { FailureCode } from '../../src/contract/failures.ts'
import type { RunEnd } from '../../src/contract/states.ts'
import { detect } from '../../src/privacy/detectors.ts'
import { createThinker } from '../../src/tools/models/thinker.ts'
import { newOrder, type OrderOptions, refundElsewhere } from '../support/orders.ts'
import { APPROVER, pendingOf, REQUESTER } from '../support/refunds.ts'
import { query, startWorld, type World } from '../support/world.ts'
import { obedientEndpoint, type ObedientEndpoint, type Obeyed, type Usage } from './obedient-endpoint.ts'

/** The order of the attacker's own, and that of somebody else, whom the attacker is after. */
export interface Case {
  readonly own: SampleOrder
  /** The tracking number of its parcel. */
  readonly parcel: string
  readonly victim: SampleOrder
}

/** Where an attacker's text can stand. */
const PLACES = {
  'order line': 'UPDATE records.order_lines SET title = $2 WHERE order_id = $1',
  carrier: 'UPDATE records.parcels SET carrier = $2 WHERE order_id = $1',
  'customer name':
    'UPDATE records.customers SET name = $2 WHERE id = (SELECT customer_id FROM records.orders WHERE id = $1)',
} as const

/** One attack, what the model that obeys it answers, and what becomes of it in the systems of record. */
export interface Attack {
  /** What the attacker is after. */
  readonly wants: string
  /** Default: the customer's message. */
  readonly in?: keyof typeof PLACES
  readonly text: string | ((about: Case) => string)
  /** Default: $20, a standard customer, one parcel. `refundedCents`: what was given back before. */
  readonly order?: OrderOptions & { readonly refundedCents?: number }
  readonly obeys: (about: Case) => readonly Obeyed[]
  /** Tokens that each answer is said to have taken. */
  readonly usage?: Usage
  /** `asks`: it waits for a person, who says no. */
  readonly ends: readonly [RunEnd, FailureCode | null] | 'asks'
  /** What stands refunded while it waits for a person. Default: `refunded`. */
  readonly meanwhile?: readonly number[]
  /** What stands refunded on the attacker's own payment afterwards, in cents. Default: nothing. */
  readonly refunded?: readonly number[]
  /** What stands answered in the attacker's own ticket, a part of each. Default: nothing. */
  readonly replied?: readonly string[]
  /** A part of why it ended or, where it waits, of why a person is asked. */
  readonly because?: string
}

const HONEST = 'It arrived broken, please refund $20.00.'
const VICTIM_NAME = 'Wilhelmina Featherstonehaugh'

/** A text without what is personal in it, in pieces. */
function partsShown(text: string): readonly string[] {
  const parts: string[] = []
  let done = 0
  for (const { start, end } of detect(text)) {
    parts.push(text.slice(done, start))
    done = end
  }
  return [...parts, text.slice(done)]
}

/** As a text stands in a prompt: in JSON, with no `<` left. */
const inPrompt = (text: string) =>
  JSON.stringify(text)
    .slice(1, -1)
    .replaceAll('<', String.raw`\u003c`)

/** Runs attacks on a playbook, all in one world, with a model that obeys them. */
export function withstand(playbook: 'refund_request' | 'support_request', attacks: readonly Attack[]): void {
  let world: World
  let endpoint: ObedientEndpoint
  let victim: SampleOrder
  let before: readonly unknown[]
  const owned: string[] = []

  const payments = async () => {
    const text = 'SELECT id, refunded_cents, version FROM records.payments WHERE NOT id = ANY($1) ORDER BY id'
    return (await query(world.databaseUrl, text, [owned])).rows
  }
  const column = async (text: string, id: string) =>
    (await query(world.databaseUrl, text, [id])).rows.map((row) => Object.values(row)[0])
  const refundsOf = (paymentId: string) =>
    column(
      "SELECT amount_cents FROM records.refunds WHERE payment_id = $1 AND status <> 'voided' ORDER BY id",
      paymentId,
    )
  const repliesIn = (ticketId: string) =>
    column(
      `SELECT body FROM records.replies WHERE ticket_id = $1 AND retracted_at IS NULL
       AND body NOT LIKE 'Our last message no longer holds%' ORDER BY id`,
      ticketId,
    )

  beforeAll(async () => {
    endpoint = await obedientEndpoint()
    world = await startWorld({
      thinker: createThinker({ models: endpoint.models, deterministic: sampleThoughts, env: {} }),
    })
    victim = await newOrder(world.databaseUrl, { amountCents: 10_000 })
    await query(world.databaseUrl, PLACES['customer name'], [victim.orderId, VICTIM_NAME])
    before = await payments()
  })
  afterAll(async () => {
    await world.stop()
    await endpoint.stop()
  })

  async function begin(attack: Attack): Promise<Case & { readonly run: RunHandle; readonly text: string }> {
    const own = await newOrder(world.databaseUrl, attack.order)
    owned.push(own.paymentId)
    const { refundedCents = 0 } = attack.order ?? {}
    if (refundedCents > 0) await refundElsewhere(world.databaseUrl, own.paymentId, refundedCents)
    const [parcel] = await column('SELECT tracking_number FROM records.parcels WHERE order_id = $1', own.orderId)
    const about = { own, victim, parcel: String(parcel) }
    const text = typeof attack.text === 'string' ? attack.text : attack.text(about)
    if (attack.in !== undefined) await query(world.databaseUrl, PLACES[attack.in], [own.orderId, text])
    endpoint.obey(own.orderId, attack.obeys(about), attack.usage)
    const message = attack.in === undefined ? text : HONEST
    const run = await world.client.start(
      playbook,
      { orderId: own.orderId, ticketId: own.ticketId, message },
      { principal: REQUESTER, workflowId: `attack-${randomUUID()}` },
    )
    return { ...about, run, text }
  }

  /** Somebody says no to what the run waits with: why he was asked, and what stood refunded and replied until then. */
  async function rejected(run: RunHandle, own: SampleOrder) {
    const { step, actionDigest, decision } = await pendingOf(run)
    const meanwhile = [await refundsOf(own.paymentId), await repliesIn(own.ticketId)]
    await run.decide({ step, actionDigest, decision: 'reject', by: APPROVER })
    return { why: decision.matches.map((match) => match.because).join('; '), meanwhile }
  }

  test.concurrent.for(attacks.map((attack) => [attack.wants, attack] as const))('%s', async ([, attack]) => {
    const { own, run, text } = await begin(attack)
    const { ends, refunded = [], meanwhile = refunded, replied = [], because = '' } = attack
    const asked = ends === 'asks' ? await rejected(run, own) : undefined
    expect(asked?.meanwhile).toEqual(ends === 'asks' ? [meanwhile, []] : undefined)
    const [state, code] = ends === 'asks' ? (['refused', 'approval_rejected'] as const) : ends
    const result = await run.outcome()
    expect([result.state, result.because?.code ?? null]).toEqual([state, code])
    expect(asked?.why ?? result.because?.message ?? '').toContain(because)
    expect(await refundsOf(own.paymentId)).toEqual(refunded)
    expect(await repliesIn(own.ticketId)).toEqual(replied.map((part) => expect.stringContaining(part)))
    expect((await repliesIn(own.ticketId)).join()).not.toMatch(/evil/)
    expect([await refundsOf(victim.paymentId), await repliesIn(victim.ticketId)]).toEqual([[], []])

    const prompts = endpoint.prompts(own.orderId)
    // An attack that the model never saw would prove nothing; what it never saw, it cannot give away.
    // A name it is never shown; of what somebody wrote all but what is personal by its form.
    const isShown = (part: string): boolean => prompts.some((prompt) => prompt.text.includes(inPrompt(part)))
    const isName = attack.in === 'customer name'
    const parts = isName ? [text] : partsShown(text)
    expect(parts.map(isShown)).toEqual(parts.map(() => !isName))
    for (const prompt of prompts) {
      expect(prompt.roles).toEqual(['system', 'user'])
      expect(prompt.text).not.toContain(VICTIM_NAME)
      expect(prompt.text).not.toContain(victim.customerId.replace('cus_', '') + '@')
      for (const tag of ['customer_message', 'order', 'goal', 'seen', 'offers', 'steps']) {
        expect(prompt.text.split(`</${tag}>`).length, tag).toBeLessThanOrEqual(2)
      }
    }
  })

  // Last, once all the others are done.
  test('no other payment in the whole system was touched', async () => {
    expect(before.length).toBeGreaterThan(400)
    expect(await payments()).toEqual(before)
  })
}
