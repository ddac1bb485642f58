import { afterEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { readClaim } from '../../activities/model/contract.ts'
import { digestOf } from '../../src/contract/digest.ts'
import { outputSchemaOf, templateDigestOf } from '../../src/contract/prompt.ts'
import { thought } from '../../src/contract/tool.ts'
import { ask, CLAIM, INPUT, KEY, newTape } from './asking.ts'
import { anthropicTool, DIALECTS, EVERY, SPENT } from './dialects.ts'
import { scriptedEndpoint } from './endpoint-server.ts'

const GOOD = JSON.stringify(CLAIM)

afterEach(() => vi.unstubAllEnvs())

describe.each([...EVERY, anthropicTool])('an answer of $provider, $model', (dialect) => {
  test('is handed over as the model gave it, with tokens, price, and the digests of its prompt', async () => {
    const tape = newTape()
    await using endpoint = await scriptedEndpoint(dialect.says(GOOD))
    expect(await ask(dialect, endpoint.url, { tape })).toEqual({
      output: CLAIM,
      model: dialect.model,
      prompt: {
        version: readClaim.version,
        template: templateDigestOf(readClaim),
        asked: digestOf({
          instructions: readClaim.instructions,
          prompt: readClaim.prompt(INPUT),
          schema: outputSchemaOf(readClaim),
        }),
        repaired: null,
      },
      ...SPENT,
    })
    expect(tape.settled).toEqual([SPENT])
  })

  test('is asked for once, with the key, the schema, the limits, and the message as quoted data', async () => {
    await using endpoint = await scriptedEndpoint(dialect.says(GOOD))
    await ask(dialect, endpoint.url, { how: { temperature: 0.5 } })
    const [request] = endpoint.requests
    if (request === undefined) throw new Error('nothing was asked')
    expect(request.path).toBe(dialect.path)
    expect(dialect.keyIn(request)).toBe(KEY)
    expect(dialect.questionIn(request)).toMatchObject({
      model: dialect.model,
      instructions: readClaim.instructions,
      prompt: readClaim.prompt(INPUT),
      maxTokens: readClaim.maxOutputTokens,
      temperature: 0.5,
      schema: { type: 'object', required: ['category', 'reason', 'asksFor', 'amount'], additionalProperties: false },
    })
  })

  test('is asked for without a temperature when none is configured', async () => {
    await using endpoint = await scriptedEndpoint(dialect.says(GOOD))
    await ask(dialect, endpoint.url)
    expect(endpoint.requests[0]?.body).not.toHaveProperty('temperature')
  })

  test('is charged what it used, also when that is more than was allowed', async () => {
    const tape = newTape()
    await using endpoint = await scriptedEndpoint(dialect.says(GOOD, { input: 100_000, output: 100_000 }))
    const used = { inputTokens: 100_000, outputTokens: 100_000, microUsd: 75_000 }
    expect(await ask(dialect, endpoint.url, { tape })).toMatchObject(used)
    expect(tape.settled).toEqual([used])
  })

  test.each([
    ['negative tokens', { input: -5, output: 3 }],
    ['fractions', { input: 1.5, output: 3 }],
    ['more than can be counted', { input: 2 ** 53, output: 3 }],
  ])('is charged the worst case when %s are reported', async (_, used) => {
    const tape = newTape()
    await using endpoint = await scriptedEndpoint(dialect.says(GOOD, used))
    expect(await ask(dialect, endpoint.url, { tape })).toMatchObject({ output: CLAIM, ...tape.reserved[0] })
    expect(tape.settled).toEqual(tape.reserved)
  })
})

test.each([
  { dialect: DIALECTS.openai, used: null },
  { dialect: DIALECTS.compatible, used: null },
  { dialect: DIALECTS.compatible, used: {} },
])(
  'an answer of $dialect.provider that does not say what it used is charged the worst case: $used',
  async ({ dialect, used }) => {
    const tape = newTape()
    await using endpoint = await scriptedEndpoint(dialect.says(GOOD, used))
    const { inputTokens, outputTokens, microUsd } = await ask(dialect, endpoint.url, { tape })
    expect(outputTokens).toBe(readClaim.maxOutputTokens)
    expect(inputTokens).toBeGreaterThan(1500)
    expect(microUsd).toBe(Math.ceil(inputTokens * 0.15 + outputTokens * 0.6))
    expect(tape.settled).toEqual(tape.reserved)
  },
)

test('tokens that Anthropic read from or wrote to its cache are tokens of input', async () => {
  const { anthropic } = DIALECTS
  await using endpoint = await scriptedEndpoint((response) => {
    const usage = {
      input_tokens: 34,
      cache_read_input_tokens: 1000,
      cache_creation_input_tokens: 200,
      output_tokens: 57,
    }
    const content = [{ type: 'text', text: GOOD }]
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ type: 'message', content, stop_reason: 'end_turn', usage }))
  })
  expect(await ask(anthropic, endpoint.url)).toMatchObject(SPENT)
})

test('OpenAI is told not to keep what it is asked', async () => {
  const { openai } = DIALECTS
  await using endpoint = await scriptedEndpoint(openai.says(GOOD))
  await ask(openai, endpoint.url)
  expect(endpoint.requests[0]?.body['store']).toBe(false)
})

test('a compatible endpoint that takes no key is sent none, whatever the environment holds', async () => {
  vi.stubEnv('OPENAI_API_KEY', KEY)
  const { compatible } = DIALECTS
  await using endpoint = await scriptedEndpoint(compatible.says(GOOD))
  await ask(compatible, endpoint.url, { how: { apiKeyEnv: null } })
  expect(endpoint.requests[0]?.headers.authorization).toBeUndefined()
})

test.each(EVERY)('the environment does not lead the client of $provider elsewhere', async (dialect) => {
  await using elsewhere = await scriptedEndpoint()
  for (const name of ['OPENAI_BASE_URL', 'ANTHROPIC_BASE_URL']) vi.stubEnv(name, elsewhere.url)
  for (const name of ['OPENAI_API_KEY', 'ANTHROPIC_API_KEY']) vi.stubEnv(name, 'sk-other')
  await using endpoint = await scriptedEndpoint(dialect.says(GOOD))
  await ask(dialect, endpoint.url)
  expect(endpoint.requests.map((request) => dialect.keyIn(request))).toEqual([KEY])
  expect(elsewhere.requests).toHaveLength(0)
})

test.each(EVERY)('a prompt and an answer of 100,000 tokens go through $provider, and are paid', async (dialect) => {
  const long = thought({
    ...readClaim,
    name: 'test.summarise',
    input: z.strictObject({ text: z.string() }),
    output: z.strictObject({ text: z.string() }),
    prompt: ({ text }: { text: string }) => text,
    maxOutputTokens: 100_000,
  })
  const [text, summary] = ['word '.repeat(100_000), 'idea '.repeat(100_000)]
  const tape = newTape()
  await using endpoint = await scriptedEndpoint(
    dialect.says(JSON.stringify({ text: summary }), { input: 100_120, output: 100_010 }),
  )
  const { output, ...said } = await ask(dialect, endpoint.url, { thought: long, input: { text }, tape })
  expect(output).toEqual({ text: summary })
  expect(said).toMatchObject({ inputTokens: 100_120, outputTokens: 100_010, microUsd: 75_024 })
  expect(tape.reserved[0]?.inputTokens).toBeGreaterThan(100_120)
})
