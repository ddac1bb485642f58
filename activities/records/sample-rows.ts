import type { Insertable } from 'kysely'
import type { Currency } from '../../src/contract/money.ts'
import type { CustomerTier } from '../crm/contract.ts'
import type { ParcelStatus } from '../shipping/contract.ts'
import { SAMPLE, type SampleOrder } from './sample.ts'
import type { RecordsTables } from './tables.ts'

const FIRST_NUMBER = 1001
const CUSTOMERS = 120
const ORDERS = 400
/** The sample is as of this moment, so that every machine has the same one. */
const AS_OF_MS = Date.UTC(2026, 9, 1, 9)
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const FIRST_NAMES = ['Ada', 'Bogdan', 'Chiara', 'Dmitri', 'Elif', 'Farid', 'Grace', 'Hana', 'Ines', 'Jonas', 'Kwame']
const LAST_NAMES = ['Abebe', 'Bianchi', 'Castro', 'Dąbrowski', 'Eriksen', 'Farouk', 'García', 'Huang', 'Iyer', 'Jones']
const CARRIERS = ['UPS', 'DHL', 'FEDEX', 'USPS']
const SUBJECTS = ['It arrived broken', 'The wrong size', 'Charged twice', 'Never arrived', 'A piece is missing']
const GOODS: readonly (readonly [sku: string, title: string, cents: number])[] = [
  ['MUG-01', 'Stoneware mug', 1_450],
  ['TEA-12', 'Green tea, 250 g', 1_190],
  ['POT-03', 'Cast iron teapot', 6_900],
  ['TRY-07', 'Serving tray', 3_250],
  ['LMP-02', 'Desk lamp', 5_400],
  ['CSH-05', 'Linen cushion', 2_799],
  ['BLK-04', 'Wool blanket', 8_995],
  ['CND-09', 'Beeswax candle', 895],
]

/** mulberry32: small, and the same everywhere. Returns integers from `least` to `most`, both included. */
function dice(seed: number) {
  let state = seed
  return (least: number, most: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    const fraction = ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
    return least + Math.floor(fraction * (most - least + 1))
  }
}
type Roll = ReturnType<typeof dice>

function pick<T>(roll: Roll, from: readonly T[]): T {
  const chosen = from[roll(0, from.length - 1)]
  if (chosen === undefined) throw new RangeError('nothing to pick from')
  return chosen
}

interface Plan {
  readonly customer: number
  readonly currency: Currency
  readonly lines: readonly { sku: string; title: string; quantity: number; price_cents: number }[]
  readonly parcels: number
  readonly refunded: 'nothing' | 'part' | 'all'
  readonly ticket: 'open' | 'closed' | 'none'
}

const NAMED_ORDERS: readonly SampleOrder[] = Object.values(SAMPLE)

const planNamed = (number: number, order: SampleOrder): Plan => ({
  customer: number,
  currency: 'USD',
  lines: [{ sku: 'GFT-00', title: 'Gift box', quantity: 1, price_cents: order.amountCents }],
  parcels: order === SAMPLE.manyParcels ? 6 : 1,
  refunded: order === SAMPLE.refunded ? 'all' : 'nothing',
  ticket: order === SAMPLE.closedTicket ? 'closed' : 'open',
})

function planAny(roll: Roll): Plan {
  const fate = roll(1, 100)
  const asked = roll(1, 100)
  return {
    // The named customers have their one order each.
    customer: roll(FIRST_NUMBER + NAMED_ORDERS.length, FIRST_NUMBER + CUSTOMERS - 1),
    currency: pick(roll, ['USD', 'USD', 'USD', 'USD', 'USD', 'USD', 'USD', 'USD', 'EUR', 'GBP'] as const),
    lines: Array.from({ length: roll(1, 5) }, () => {
      const [sku, title, price_cents] = pick(roll, GOODS)
      return { sku, title, quantity: roll(1, 3), price_cents }
    }),
    parcels: pick(roll, [1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 6]),
    refunded: fate <= 6 ? 'all' : fate <= 15 ? 'part' : 'nothing',
    ticket: asked <= 14 ? 'open' : asked <= 20 ? 'closed' : 'none',
  }
}

type Rows = { [T in keyof RecordsTables]: Insertable<RecordsTables[T]>[] }

function addCustomer(rows: Rows, roll: Roll, number: number): void {
  const id = `cus_${number}`
  const first = pick(roll, FIRST_NAMES)
  const rolled = pick<CustomerTier>(roll, [
    'standard',
    'standard',
    'standard',
    'standard',
    'plus',
    'plus',
    'enterprise',
  ])
  const order = NAMED_ORDERS[number - FIRST_NUMBER]
  const tier = order === undefined ? rolled : order === SAMPLE.enterprise ? 'enterprise' : 'standard'
  const name = `${first} ${pick(roll, LAST_NAMES)}`
  rows.customers.push({ id, name, email: `${first.toLowerCase()}.${number}@example.com`, tier })
}

function addOrder(rows: Rows, roll: Roll, number: number): void {
  const order = NAMED_ORDERS[number - FIRST_NUMBER]
  const plan = order === undefined ? planAny(roll) : planNamed(number, order)
  const { currency } = plan
  const id = `ord_${number}`
  const customer_id = `cus_${plan.customer}`
  const total_cents = plan.lines.reduce((sum, line) => sum + line.quantity * line.price_cents, 0)
  const placedAtMs = AS_OF_MS - roll(10, 90) * DAY_MS - roll(0, 23) * HOUR_MS
  const arrived = pick<ParcelStatus>(roll, ['delivered', 'delivered', 'delivered', 'delivered', 'in_transit', 'lost'])
  const status = arrived === 'delivered' ? 'delivered' : 'shipped'
  rows.orders.push({ id, customer_id, currency, total_cents, placed_at: new Date(placedAtMs), status })
  for (const [index, line] of plan.lines.entries())
    rows.order_lines.push({ order_id: id, position: index + 1, ...line })

  const carrier = pick(roll, CARRIERS)
  for (let parcel = 1; parcel <= plan.parcels; parcel += 1) {
    rows.parcels.push({
      tracking_number: `${carrier}-${number}-${parcel}`,
      order_id: id,
      carrier,
      // Where one is late or lost, it is the last.
      status: parcel === plan.parcels ? arrived : 'delivered',
      updated_at: new Date(placedAtMs + roll(20, 120) * HOUR_MS),
    })
  }

  const payment_id = `pay_${number}`
  const share = { nothing: 0, part: roll(10, 90), all: 100 }[plan.refunded]
  const amount_cents = Math.floor((total_cents * share) / 100)
  rows.payments.push({
    id: payment_id,
    order_id: id,
    currency,
    captured_cents: total_cents,
    refunded_cents: amount_cents,
    version: amount_cents === 0 ? 1 : 2,
  })
  if (amount_cents > 0) {
    rows.refunds.push({
      id: `ref_${number}`,
      payment_id,
      currency,
      amount_cents,
      reason: pick(roll, SUBJECTS),
      status: 'settled',
      created_at: new Date(placedAtMs + 6 * DAY_MS),
      settles_at: new Date(placedAtMs + 8 * DAY_MS),
      idempotency_key: `seed_ref_${number}`,
    })
  }
  if (plan.ticket === 'none') return
  const ticket_id = `tkt_${number}`
  rows.tickets.push({ id: ticket_id, customer_id, order_id: id, subject: pick(roll, SUBJECTS), status: plan.ticket })
  if (plan.ticket === 'open') return
  rows.replies.push({
    id: `rep_${number}`,
    ticket_id,
    body: 'We are glad that this is settled, and close the ticket.',
    created_at: new Date(placedAtMs + 9 * DAY_MS),
    idempotency_key: `seed_rep_${number}`,
  })
}

/** Every row of the sample, made anew. */
export function sampleRows(): Rows {
  const rows: Rows = {
    customers: [],
    orders: [],
    order_lines: [],
    parcels: [],
    payments: [],
    refunds: [],
    tickets: [],
    replies: [],
  }
  const roll = dice(20_261_001)
  for (let number = FIRST_NUMBER; number < FIRST_NUMBER + CUSTOMERS; number += 1) addCustomer(rows, roll, number)
  for (let number = FIRST_NUMBER; number < FIRST_NUMBER + ORDERS; number += 1) addOrder(rows, roll, number)
  return rows
}
