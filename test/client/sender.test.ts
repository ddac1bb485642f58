import { Client, Connection, type WorkflowClientInterceptor } from '@temporalio/client'
import { createServer, connect, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { afterAll, expect, inject, test } from 'vitest'
import { CountersignClient, type DecideMessage } from '../../src/client/index.ts'
import { codeOf } from '../../src/contract/failures.ts'
import { freePort } from '../../src/embedded/ports.ts'
import { eventsOf, typesOf } from '../support/history.ts'
import { statements } from '../support/people.ts'
import { approvalOf, pendingOf, startRefund } from '../support/refunds.ts'
import { until, useWorld } from '../support/world.ts'

const world = useWorld()
const closing: (() => unknown)[] = []
afterAll(() => Promise.all(closing.map((close) => close())))

/**
 * A client with an interceptor around each update that it sends, or around each time that it looks which run it is, on a connection to
 * `address`.
 */
function clientWith(
  intercepts: WorkflowClientInterceptor['startUpdate'] | WorkflowClientInterceptor,
  address = inject('temporalAddress'),
  more = {},
) {
  const connection = Connection.lazy({ address })
  closing.push(() => connection.close())
  const workflow =
    intercepts === undefined ? [] : [typeof intercepts === 'function' ? { startUpdate: intercepts } : intercepts]
  return new CountersignClient(new Client({ connection, interceptors: { workflow } }), { statements, ...more })
}

async function waitingRefund() {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  const approval = approvalOf(await pendingOf(run))
  const decided = async () =>
    typesOf(await eventsOf(world().temporal, run)).filter((type) => type.endsWith('UPDATE_COMPLETED')).length
  const refunded = () => world().refunded(order.paymentId)
  return { run, approval, decided, refunded }
}

test('of thirty decisions at once, a client has as many on their way as it may, and no more', async () => {
  let most = 0
  let now = 0
  const client = clientWith(
    async (input, next) => {
      most = Math.max(most, ++now)
      return await next(input).finally(() => now--)
    },
    undefined,
    { inFlight: 4 },
  )
  const { run, approval, refunded } = await waitingRefund()
  const wrong: DecideMessage = { ...approval, step: 'nothing-1' }
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, at) => client.run(run.workflowId).decide(at === 20 ? approval : wrong)),
  )
  expect(most).toBe(4)
  expect(answers.filter(({ accepted }) => accepted)).toEqual([answers[20]])
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await refunded()).toBe(12_000)
})

const LOST = [
  ['the server is unavailable', 14],
  ['the server has too much to do', 8],
  ['the call has run out of time', 4],
  ['the call was aborted', 10],
] as const

test.each(LOST)('a decision whose answer is lost since %s is sent again, and is one decision', async (_, code) => {
  const sent: (string | undefined)[] = []
  const client = clientWith(async (input, next) => {
    sent.push(input.options.updateId)
    const output = await next(input)
    if (sent.length > 2) return output
    throw Object.assign(new Error('lost'), { cause: Object.assign(new Error('gRPC'), { code, details: 'lost' }) })
  })
  const { run, approval, decided, refunded } = await waitingRefund()
  expect(await client.run(run.workflowId).decide(approval)).toMatchObject({ accepted: true })
  expect(sent).toHaveLength(3)
  expect(new Set(sent).size).toBe(1)
  expect(await decided()).toBe(1)
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await refunded()).toBe(12_000)
})

test('two decisions under one update id are one decision, with one answer; under two, the second is refused', async () => {
  const { run, approval, decided, refunded } = await waitingRefund()
  const first = await Promise.all(Array.from({ length: 5 }, () => run.decide(approval, 'approval-7')))
  expect(first.every(({ accepted }) => accepted)).toBe(true)
  expect(await decided()).toBe(1)
  expect(await run.decide(approval)).toMatchObject({ accepted: false, code: 'decision_already_made' })
  expect(await run.decide(approval, 'approval-7')).toEqual(first[0])
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await refunded()).toBe(12_000)
})

/** Passes connections on to Temporal from a port of its own. */
async function wireTo(port: number): Promise<Server> {
  const [host, temporalPort] = inject('temporalAddress').split(':')
  const sockets = new Set<Socket>()
  const wire = createServer((from) => {
    const to = connect(Number(temporalPort), host)
    for (const socket of [from, to]) sockets.add(socket.on('error', () => {}))
    from.pipe(to).pipe(from)
  })
  closing.push(() => {
    for (const socket of sockets) socket.destroy()
    wire.close()
  })
  await once(wire.listen(port, '127.0.0.1'), 'listening')
  return wire
}

test('a decision that is sent while nobody listens arrives once Temporal is there, as one decision', async () => {
  const port = await freePort()
  const tried: number[] = []
  const client = clientWith(
    {
      async describe(input, next) {
        tried.push(Date.now())
        return await next(input)
      },
    },
    `127.0.0.1:${port}`,
  )
  const { run, approval, decided, refunded } = await waitingRefund()
  const answer = client.run(run.workflowId).decide(approval)
  await until('the first attempt', async () => (tried.length > 0 ? true : undefined))
  expect(await decided()).toBe(0)
  await wireTo(port)
  expect(await answer).toMatchObject({ accepted: true })
  expect(await decided()).toBe(1)
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await refunded()).toBe(12_000)
})

test('a decision that nobody answers in time fails with no_answer, and nothing is done', async () => {
  const port = await freePort()
  const client = clientWith(undefined, `127.0.0.1:${port}`, { answerWithinMs: 1_500 })
  const { run, approval, decided, refunded } = await waitingRefund()
  const began = Date.now()
  const error = await client
    .run(run.workflowId)
    .decide(approval)
    .catch((thrown: unknown) => thrown)
  expect(codeOf(error)).toBe('no_answer')
  expect(error).toMatchObject({ message: 'No worker answered within 1.5 seconds; what was sent may still arrive.' })
  expect(Date.now() - began).toBeLessThan(10_000)
  expect(await decided()).toBe(0)
  expect(await run.status()).toMatchObject({ state: 'blocked', attempts: [] })
  expect(await refunded()).toBe(0)
})

test('what the server refuses is not sent again', async () => {
  let sent = 0
  const client = clientWith({
    async describe(input, next) {
      sent++
      return await next(input)
    },
  })
  const { approval } = await waitingRefund()
  expect(await client.run('no-such-run').decide(approval).catch(codeOf)).toBe('run_not_found')
  expect(sent).toBe(1)
})
