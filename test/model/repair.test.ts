import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { readClaim } from '../../activities/model/contract.ts'
import { thought } from '../../src/contract/tool.ts'
import { ask, CLAIM, failed, newTape } from './asking.ts'
import { DIALECTS, EVERY, SPENT, SPENT_TWICE } from './dialects.ts'
import { scriptedEndpoint, status } from './endpoint-server.ts'

const GOOD = JSON.stringify(CLAIM)
const PROSE = 'I am sorry, PRIVATE-WORD'
const twisted = (claim: object) => JSON.stringify({ ...CLAIM, ...claim })

/** Answers that are not in the agreed form, and what the model is told of them. */
const BAD: readonly (readonly [string, string, string])[] = [
  ['prose', PROSE, 'was no JSON'],
  ['half an object', '{"category":"damaged","reas', 'was no JSON'],
  ['an object in a fence', `\`\`\`json\n${GOOD}\n\`\`\``, 'was no JSON'],
  ['an empty text', '', 'was empty'],
  ['blanks', ' \n', 'was empty'],
  ['an unknown category', twisted({ category: 'PRIVATE-WORD' }), 'broke the agreed form at `category` (invalid_value)'],
  ['an unknown key', twisted({ 'PRIVATE-WORD': 1 }), 'broke the agreed form at `answer` (unrecognized_keys)'],
  [
    'a missing key',
    '{"category":"other","reason":"x","asksFor":"unclear"}',
    'broke the agreed form at `amount` (invalid_',
  ],
  ['a bare number as money', twisted({ amount: 20 }), 'broke the agreed form at `amount` (invalid_'],
  ['half a cent', twisted({ amount: { currency: 'USD', cents: 0.5 } }), 'broke the agreed form at `amount.cents` ('],
  ['a reason of 301 characters', twisted({ reason: 'x'.repeat(301) }), 'at `reason` (too_big)'],
  ['no amount where one is asked for', twisted({ amount: null }), 'broke the agreed form at `amount` (custom)'],
  ['nothing', twisted({ amount: { currency: 'USD', cents: 0 } }), 'broke the agreed form at `amount` (custom)'],
  ['half a surrogate pair', twisted({ reason: '\ud83d' }), 'at `reason` (custom)'],
  ['a list', JSON.stringify([CLAIM]), 'at `answer` (invalid_type)'],
  ['a prototype', `{"__proto__":{},${GOOD.slice(1)}`, 'was no JSON'],
  ['a nest 100,000 deep', '['.repeat(100_000), 'was no JSON'],
]

describe.each(EVERY)('an answer of $provider that is not in the agreed form', (dialect) => {
  test('is asked for once more, and the good one is taken; both are paid', async () => {
    const tape = newTape()
    await using endpoint = await scriptedEndpoint(
      dialect.says(twisted({ category: 'PRIVATE-WORD' })),
      dialect.says(GOOD),
    )
    const { output, prompt, ...said } = await ask(dialect, endpoint.url, { tape })
    expect(output).toEqual(CLAIM)
    expect(said).toMatchObject(SPENT_TWICE)
    expect(tape.settled).toEqual([SPENT, SPENT])
    expect(prompt?.repaired).toBe('broke the agreed form at `category` (invalid_value)')
  })

  test('is told what was wrong, by place and kind, at the end of its instructions and nowhere else', async () => {
    await using endpoint = await scriptedEndpoint(dialect.says(PROSE), dialect.says(GOOD))
    const first = await ask(dialect, endpoint.url)
    const [before, after] = endpoint.requests.map((request) => dialect.questionIn(request))
    expect(after).toEqual({ ...before, instructions: expect.any(String) })
    const added = String(after?.['instructions']).replace(readClaim.instructions, '')
    expect(added).toContain('An earlier answer to this was no JSON. Answer again')
    expect(added).not.toContain('PRIVATE-WORD')
    expect(added.length).toBeLessThan(200)
    await using straight = await scriptedEndpoint(dialect.says(GOOD))
    const second = await ask(dialect, straight.url)
    expect(first.prompt?.asked).not.toBe(second.prompt?.asked)
    expect(first.prompt?.template).toBe(second.prompt?.template)
  })

  test('twice is final, and the price of both is not lost', async () => {
    const tape = newTape()
    await using endpoint = await scriptedEndpoint(dialect.says(PROSE), dialect.says(''))
    const { code, message, details, error } = await failed(ask(dialect, endpoint.url, { tape }))
    expect(code).toBe('model_output_invalid')
    expect(error.nonRetryable).toBe(true)
    expect(message).toBe(
      `the answer of model \`${dialect.model}\` (role \`extract\`) was empty; the one before it was no JSON`,
    )
    expect(details).toMatchObject({
      role: 'extract',
      model: dialect.model,
      prompt: { version: readClaim.version },
      ...SPENT_TWICE,
    })
    expect(tape.settled).toEqual([SPENT, SPENT])
  })

  test('is not asked for again when the meter refuses, and the first call is on the record', async () => {
    const tape = newTape(1)
    await using endpoint = await scriptedEndpoint(dialect.says(PROSE))
    const { code, message, details } = await failed(ask(dialect, endpoint.url, { tape }))
    expect(code).toBe('model_budget_exceeded')
    expect(message).toBe(`a call of model \`${dialect.model}\` (role \`extract\`) is too dear`)
    expect(details).toMatchObject({ left: 1, ...SPENT, prompt: { repaired: 'was no JSON' } })
    expect(endpoint.requests).toHaveLength(1)
  })

  test('and then a busy endpoint is tried again as a whole, and what the first call cost is told', async () => {
    const tape = newTape()
    await using endpoint = await scriptedEndpoint(dialect.says(PROSE), status(429, { 'retry-after': '7' }))
    const { code, details, error } = await failed(ask(dialect, endpoint.url, { tape }))
    expect(code).toBe('model_unavailable')
    expect(error.nonRetryable).toBe(false)
    expect(error.nextRetryDelay).toBe(7000)
    expect(details).toMatchObject({ status: 429, ...SPENT })
    expect(tape.settled).toEqual([SPENT, { inputTokens: 0, outputTokens: 0, microUsd: 0 }])
  })

  test('because it was cut off is final at once, and says what to raise', async () => {
    await using endpoint = await scriptedEndpoint(dialect.cutOff('{"category":"damaged","reas'))
    const { code, message, details } = await failed(ask(dialect, endpoint.url))
    expect(code).toBe('model_output_invalid')
    expect(message).toContain('was cut off after 2000 tokens: raise `maxOutputTokens` of `refund.readClaim`')
    expect(details).toMatchObject(SPENT)
  })

  test('because the model declines is not asked for again', async () => {
    const tape = newTape()
    await using endpoint = await scriptedEndpoint(dialect.declines)
    const { code, message, details, error } = await failed(ask(dialect, endpoint.url, { tape }))
    expect(code).toBe('model_refused')
    expect(error.nonRetryable).toBe(true)
    expect(message).toBe(`model \`${dialect.model}\` (role \`extract\`) declines to answer`)
    expect(details).toMatchObject(SPENT)
    expect(tape.settled).toEqual([SPENT])
  })
})

test('an answer that a filter around the model took away is declined', async () => {
  await using endpoint = await scriptedEndpoint(DIALECTS.compatible.filtered)
  expect((await failed(ask(DIALECTS.compatible, endpoint.url))).code).toBe('model_refused')
})

test.each(BAD)('%s is told to the model by place and kind', async (_, text, said) => {
  const dialect = DIALECTS.compatible
  await using endpoint = await scriptedEndpoint(dialect.says(text), dialect.says(GOOD))
  const { output, prompt } = await ask(dialect, endpoint.url)
  expect(output).toEqual(CLAIM)
  expect(prompt?.repaired).toContain(said)
  expect(prompt?.repaired).not.toContain('PRIVATE-WORD')
})

test('a name that the model chose is not repeated: neither to it nor on the record', async () => {
  const dialect = DIALECTS.compatible
  const output = z.strictObject({ amounts: z.record(z.string(), z.int()) })
  const counting = thought({ ...readClaim, name: 'test.count', output })
  const [wrong, right] = [{ 'PRIVATE-WORD': 'x' }, { 'PRIVATE-WORD': 1 }]
  await using endpoint = await scriptedEndpoint(
    dialect.says(JSON.stringify({ amounts: wrong })),
    dialect.says(JSON.stringify({ amounts: right })),
  )
  const { prompt } = await ask(dialect, endpoint.url, { thought: counting })
  expect(prompt?.repaired).toBe('broke the agreed form at `amounts.*` (invalid_type)')
})

test('a whole answer is taken also when the model had no room left', async () => {
  const dialect = DIALECTS.compatible
  await using endpoint = await scriptedEndpoint(dialect.cutOff(`${GOOD}   `))
  expect(await ask(dialect, endpoint.url)).toMatchObject({ output: CLAIM, prompt: { repaired: null } })
})

test('a model is not asked again when Temporal would give the attempt up meanwhile', async () => {
  const dialect = DIALECTS.compatible
  await using endpoint = await scriptedEndpoint(dialect.says(PROSE))
  const hasty = { ...readClaim, startToCloseMs: 1000 }
  const { code, details } = await failed(ask(dialect, endpoint.url, { thought: hasty }))
  expect(code).toBe('model_output_invalid')
  expect(details).toMatchObject(SPENT)
})
