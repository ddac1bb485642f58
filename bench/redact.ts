/** `npm run bench:redact`: how fast support messages are redacted. See bench/README.md. */
import { pii } from '../src/contract/classes.ts'
import { z } from 'zod'
import { coverOf } from '../src/privacy/redact.ts'
import { veil } from '../src/privacy/tokens.ts'

const PERSONAL = [
  'Hello, this is Maria Lopez. Please mail me at maria.lopez@example.com or call +49 30 901820.',
  'I paid with 4111 1111 1111 1111, and my account is DE89 3704 0044 0532 0130 00.',
]
const PLAIN = [
  'My order ord_1042 of 2026-11-24 arrived broken: the lamp has a crack from the foot to the top, and does not stand.',
  'It was $120.00 with shipping, invoice 20261124-0042. It was a gift for my mother, and she was sad about it.',
  'The parcel UPS-1001-1 was left in the rain at 14:30; I have pictures of it. Please give me my money back.',
]

/** Of every four messages one has something personal in it; they differ, so that nothing is remembered. */
const messages = Array.from({ length: 4_000 }, (_, at) =>
  [`Ticket tkt_${at}.`, ...PLAIN, ...(at % 4 === 0 ? PERSONAL : []), ...PLAIN].join(' '),
)
const bytes = messages.reduce((sum, message) => sum + Buffer.byteLength(message), 0)
const schema = z.object({ message: pii(z.string(), 'text'), name: pii(z.string(), 'name') })
const plain = coverOf()

const ways: Readonly<Record<string, (message: string) => unknown>> = {
  'masks, as in logs and reports': (message) => plain.text(message),
  'tokens, as for a model': (message) => veil({ message, name: 'Maria Lopez' }, schema).shown,
}
const ROUNDS = 9

for (const [name, redact] of Object.entries(ways)) {
  const rates: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const before = performance.now()
    for (const message of messages) redact(message)
    // The first one warms up.
    if (round > 0) rates.push(bytes / 1_000 / (performance.now() - before))
  }
  rates.sort((a, b) => a - b)
  const [least = 0, median = 0, most = 0] = [rates[0], rates[Math.floor(ROUNDS / 2)], rates.at(-1)]
  const shown = [median, least, most].map((rate) => rate.toFixed(1))
  console.log(
    `${name}: ${shown[0]} MB/s (${shown[1]} to ${shown[2]}), ${messages.length} messages of ${Math.round(bytes / messages.length)} bytes`,
  )
}
