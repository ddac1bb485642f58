import { describe, expect, test, vi } from 'vitest'
import { readClaim } from '../../activities/model/contract.ts'
import { MAX_ANSWER_BYTES } from '../../src/tools/models/wire.ts'
import { ask, CLAIM, failed, newTape } from './asking.ts'
import { DIALECTS, EVERY } from './dialects.ts'
import { dawdles, floods, hangUp, hangUpInTheMiddle, saysNothing, scriptedEndpoint } from './endpoint-server.ts'

const { compatible } = DIALECTS

describe.each(EVERY)('an endpoint of $provider that falls silent', (dialect) => {
  test.each([
    ['hangs up', hangUp, 'hung up', 5000],
    ['hangs up in the middle of its answer', hangUpInTheMiddle, 'hung up', 5000],
    ['says nothing within the timeout', saysNothing, 'did not answer within 1000 ms', 1000],
    ['is not done within the timeout', dawdles, 'did not answer within 1000 ms', 1000],
  ])('and %s is tried again, and may have charged the worst case', async (_, script, said, timeoutMs) => {
    const tape = newTape()
    await using endpoint = await scriptedEndpoint(script)
    const failure = await failed(ask(dialect, endpoint.url, { how: { timeoutMs }, tape }))
    expect(failure.code).toBe('model_unavailable')
    expect(failure.message).toContain(said)
    expect(failure.error.nonRetryable).toBe(false)
    expect(failure.details).toMatchObject({ ...tape.reserved[0] })
    expect(tape.settled).toEqual(tape.reserved)
    expect(endpoint.requests).toHaveLength(1)
  })

  test('because nobody listens there is tried again, and has cost nothing', async () => {
    const endpoint = await scriptedEndpoint()
    await endpoint[Symbol.asyncDispose]()
    const tape = newTape()
    const { code, message } = await failed(ask(dialect, endpoint.url, { tape }))
    expect(code).toBe('model_unavailable')
    expect(message).toContain('cannot be reached (ECONNREFUSED)')
    expect(tape.settled).toEqual([{ inputTokens: 0, outputTokens: 0, microUsd: 0 }])
  })

  test('while the activity is cancelled throws the reason, hangs up, and may have charged', async () => {
    const controller = new AbortController()
    const reason = new Error('the run was cancelled')
    const hungUp = Promise.withResolvers<undefined>()
    const tape = newTape()
    await using endpoint = await scriptedEndpoint((response) => {
      response.on('close', () => hungUp.resolve(undefined))
      controller.abort(reason)
    })
    const limits = { signal: controller.signal }
    await expect(ask(dialect, endpoint.url, { limits, tape })).rejects.toBe(reason)
    await hungUp.promise
    expect(tape.settled).toEqual(tape.reserved)
  })

  test('by never ending is left when it has said more than any answer is long', async () => {
    const taken = Promise.withResolvers<number>()
    const tape = newTape()
    await using endpoint = await scriptedEndpoint(floods(taken.resolve))
    const { code, message } = await failed(ask(dialect, endpoint.url, { tape }))
    expect(code).toBe('model_output_invalid')
    expect(message).toContain('answered with more than is read')
    expect(tape.settled).toEqual(tape.reserved)
    // What the sockets between us hold was written, and not read.
    expect(await taken.promise).toBeLessThan(2 * MAX_ANSWER_BYTES)
  })
})

test('an endpoint without the certificate that its address wants is told apart, and is sent nothing', async () => {
  const tape = newTape()
  await using endpoint = await scriptedEndpoint()
  const how = { endpoint: endpoint.url.replace('http:', 'https:') }
  const { code, message } = await failed(ask(compatible, endpoint.url, { how, tape }))
  expect(code).toBe('model_unavailable')
  expect(message).toContain('cannot be reached (ERR_SSL_')
  expect(tape.settled).toEqual([{ inputTokens: 0, outputTokens: 0, microUsd: 0 }])
  expect(endpoint.requests).toHaveLength(0)
})

test('a call is given up shortly before Temporal gives the activity up', async () => {
  await using endpoint = await scriptedEndpoint(saysNothing)
  const hasty = { ...readClaim, startToCloseMs: 1000 }
  const { message } = await failed(ask(compatible, endpoint.url, { thought: hasty }))
  expect(message).toMatch(/did not answer within [5-9]\d\d ms/)
})

test('a call that is cancelled before it begins asks nobody', async () => {
  const tape = newTape()
  await using endpoint = await scriptedEndpoint()
  const limits = { signal: AbortSignal.abort(new Error('over')) }
  await expect(ask(compatible, endpoint.url, { limits, tape })).rejects.toThrow('over')
  expect(tape.reserved).toEqual([])
  expect(endpoint.requests).toHaveLength(0)
})

test('an endpoint is waited for with heartbeats', async () => {
  const heartbeat = vi.fn<() => void>()
  await using endpoint = await scriptedEndpoint((response) =>
    heartbeat.mockImplementation(() => {
      if (heartbeat.mock.calls.length === 2) compatible.says(JSON.stringify(CLAIM))(response)
    }),
  )
  const patient = { ...readClaim, heartbeatMs: 40 }
  await ask(compatible, endpoint.url, { thought: patient, limits: { heartbeat } })
  expect(heartbeat.mock.calls.length).toBeGreaterThanOrEqual(2)
})
