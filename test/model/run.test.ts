import { arrayFromPayloads, defaultPayloadConverter } from '@temporalio/common'
import { afterEach, describe, expect, test } from 'vitest'
import { readClaim } from '../../activities/model/contract.ts'
import type { ThinkResult } from '../../src/contract/calls.ts'
import { WIRE } from '../../src/contract/wire.ts'
import { templateDigestOf } from '../../src/contract/prompt.ts'
import type { RunHandle } from '../../src/client/index.ts'
import type { Thinker } from '../../src/tools/implementation.ts'
import { createThinker } from '../../src/tools/models/thinker.ts'
import { activitiesIn, endOf, eventsOf } from '../support/history.ts'
import { startRefund } from '../support/refunds.ts'
import { useWorld } from '../support/world.ts'
import { KEY, modelsAt } from './asking.ts'
import { type Dialect, EVERY, SPENT, SPENT_TWICE } from './dialects.ts'
import { scriptedEndpoint, type Scripted, status } from './endpoint-server.ts'

const GOOD = JSON.stringify({ category: 'damaged', reason: 'It arrived broken', asksFor: 'everything', amount: null })

let current: Thinker | undefined
afterEach(() => {
  current = undefined
})
/** One worker for all providers; each test connects it to an endpoint of its own. */
const thinker: Thinker = {
  think: async (...asked) => {
    if (current === undefined) throw new Error('no endpoint is connected')
    return await current.think(...asked)
  },
}
const world = useWorld({ thinker })

/** A refund request whose model answers as scripted, run to its end. */
async function refundWith(dialect: Dialect, ...script: readonly Scripted[]) {
  await using endpoint = await scriptedEndpoint(...script)
  const models = modelsAt(dialect, endpoint.url)
  current = createThinker({ models, deterministic: {}, env: { MODEL_KEY: KEY } })
  const { run, order } = await startRefund(world())
  const result = await run.outcome()
  return { run, order, result, asked: endpoint.requests.length }
}

const recorded = ({ inputTokens, outputTokens, microUsd }: typeof SPENT) => ({
  inputTokens,
  outputTokens,
  modelMicroUsd: microUsd,
})

/** What `model.think` left in the history, and the whole history as text. */
async function thoughtIn(run: RunHandle) {
  const events = await eventsOf(world().temporal, run)
  const [call] = activitiesIn(events).filter(({ type }) => type === WIRE.activities.think)
  const end = call === undefined ? undefined : endOf(events, call)
  const payloads = end?.activityTaskCompletedEventAttributes?.result?.payloads
  const [result] = arrayFromPayloads(defaultPayloadConverter, payloads) as readonly (ThinkResult | undefined)[]
  const text = events.map((event) => JSON.stringify(event) + decoded(event)).join('\n')
  expect(text).toContain('"thought":"refund.readClaim"')
  return { result, text }
}

/** The payloads of an event are base64: what they say. */
const decoded = (event: object): string =>
  [...JSON.stringify(event).matchAll(/"data":"([A-Za-z0-9+/=]+)"/g)]
    .map(([, data = '']) => Buffer.from(data, 'base64').toString())
    .join('\n')

describe.each(EVERY)('a refund whose message is read by $provider', (dialect) => {
  test('goes through after the endpoint was busy once; its spend and its prompt are on the record', async () => {
    const busy = status(429, { 'retry-after-ms': '20' })
    const { run, order, result, asked } = await refundWith(dialect, busy, dialect.says(GOOD))
    expect(result.state).toBe('completed')
    expect(asked).toBe(2)
    expect(await world().refunded(order.paymentId)).toBe(2000)
    const { spend, timeline } = await run.status()
    expect(spend).toMatchObject(recorded(SPENT))
    expect(timeline.map(({ text }) => text)).toContain(
      `read what the customer asks for: ${dialect.model}, prompt ${readClaim.version}, $0.0003`,
    )
    const thought = await thoughtIn(run)
    expect(thought.result).toMatchObject({
      model: dialect.model,
      ...SPENT,
      prompt: {
        version: readClaim.version,
        template: templateDigestOf(readClaim),
        asked: expect.any(String),
        repaired: null,
      },
    })
    expect(thought.text).not.toContain(KEY)
  })

  test('goes through after an answer was repaired, and both calls are on the record', async () => {
    const { run, result } = await refundWith(dialect, dialect.says('{}'), dialect.says(GOOD))
    expect(result.state).toBe('completed')
    expect((await run.status()).spend).toMatchObject(recorded(SPENT_TWICE))
    expect((await thoughtIn(run)).result?.prompt?.repaired).toContain('broke the agreed form at `category`')
  })

  test('moves no money when the model never answers in the agreed form, and says what that cost', async () => {
    const { run, order, result, asked } = await refundWith(dialect, dialect.says('{}'), dialect.says('{"x":1}'))
    expect(result).toMatchObject({ state: 'failed', because: { code: 'model_output_invalid' } })
    expect(result.because?.message).toContain('broke the agreed form at `category` (invalid_value)')
    expect(asked).toBe(2)
    expect((await run.status()).spend).toMatchObject(recorded(SPENT_TWICE))
    await expectNothingDone(order)
  })

  test('moves no money when the model declines', async () => {
    const { run, order, result } = await refundWith(dialect, dialect.declines)
    expect(result).toMatchObject({ state: 'failed', because: { code: 'model_refused' } })
    expect((await run.status()).spend).toMatchObject(recorded(SPENT))
    await expectNothingDone(order)
  })

  test('moves no money with a wrong key, which is named by its variable alone', async () => {
    const body = `{"error":{"code":"invalid_api_key","message":"Incorrect API key provided: ${KEY}"}}`
    const { run, order, result, asked } = await refundWith(dialect, status(401, {}, body))
    expect(result).toMatchObject({ state: 'failed', because: { code: 'model_rejected' } })
    expect(result.because?.message).toContain('status 401 (invalid_api_key): check the key in `MODEL_KEY`')
    expect(asked).toBe(1)
    expect((await run.status()).spend.modelMicroUsd).toBe(0)
    await expectNothingDone(order)
    expect((await thoughtIn(run)).text).not.toContain(KEY)
  })
})

async function expectNothingDone({ paymentId, ticketId }: { readonly paymentId: string; readonly ticketId: string }) {
  expect(await world().refunded(paymentId)).toBe(0)
  expect(await world().count('refunds', `payment_id = '${paymentId}'`)).toBe(0)
  expect(await world().count('replies', `ticket_id = '${ticketId}'`)).toBe(0)
}
