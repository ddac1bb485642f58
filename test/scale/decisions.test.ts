import { Client, Connection } from '@temporalio/client'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { RunState } from '../../src/client/index.ts'
import { useFolder, inBackground } from '../cli/cli.ts'
import { useWorkerChild } from '../cli/worker-child.ts'
import { newOrders } from '../support/orders.ts'
import { approvalOf, pendingOf, REQUESTER } from '../support/refunds.ts'
import { query, until } from '../support/world.ts'

const folder = useFolder()
const child = useWorkerChild(folder)

const RUNS = 200
const CENTS = 12_000
const CAP = 40

let connection: Connection | undefined
beforeAll(async () => {
  connection = await Connection.connect({ address: inject('temporalAddress') })
})
afterAll(() => connection?.close())

/** A client that lets so many decisions out at once, and how many there were at most. */
function counting(inFlight: number) {
  const seen = { most: 0, now: 0 }
  const temporal = new Client({
    ...(connection === undefined ? {} : { connection }),
    interceptors: {
      workflow: [
        {
          async startUpdate(input, next) {
            seen.most = Math.max(seen.most, ++seen.now)
            return await next(input).finally(() => seen.now--)
          },
        },
      ],
    },
  })
  return { seen, temporal, client: child().clientOn(temporal, { inFlight }) }
}

/** What the runs did to their orders, and how their effects stand in the ledger; the sample records hold other refunds. */
const DONE = `SELECT count(*) AS refunds, count(DISTINCT payment_id) AS payments, coalesce(sum(amount_cents), 0) AS cents,
    (SELECT count(*) FROM records.replies WHERE ticket_id = ANY($2)) AS replies,
    (SELECT count(*) FROM countersign.effects WHERE state = 'done') AS done,
    (SELECT count(*) FROM countersign.effects WHERE state <> 'done') AS other
  FROM records.refunds WHERE payment_id = ANY($1)`

test('of two hundred runs that wait for people while their worker is killed, each is decided once and pays once', async () => {
  const { databaseUrl, taskQueue, env } = child()
  const { seen, temporal, client } = counting(CAP)
  const orders = await newOrders(databaseUrl, RUNS, CENTS)
  const runs = await Promise.all(
    orders.map(({ orderId, ticketId }) =>
      client.start(
        'refund_request',
        { orderId, ticketId, message: 'It arrived damaged. I want my $120.00 back.' },
        { principal: REQUESTER, workflowId: `scale-${orderId}` },
      ),
    ),
  )
  const untilIn = async (state: RunState) => {
    const listed = `CountersignState = '${state}' AND TaskQueue = '${taskQueue}'`
    const all = async () => ((await temporal.workflow.count(listed)).count === RUNS ? true : undefined)
    await until(`all of them among the ${state}`, all, 60_000)
  }
  await untilIn('blocked')
  const asked = await Promise.all(runs.map(async (run) => ({ run, approval: approvalOf(await pendingOf(run)) })))
  const done = async () => {
    const ids = [orders.map(({ paymentId }) => paymentId), orders.map(({ ticketId }) => ticketId)]
    return (await query(databaseUrl, DONE, ids)).rows[0]
  }
  expect(await done()).toEqual({ refunds: '0', payments: '0', cents: '0', replies: '0', done: '0', other: '0' })

  child().worker.signal('SIGKILL')
  await child().worker.ended
  const worker = inBackground(['worker', '--development', '--task-queue', taskQueue], { env, cwd: folder() })
  await worker.says('ready')
  try {
    // Each twice: half of them under one update id, the others as two messages.
    const idOf = (at: number, time: number) => (at % 2 === 0 ? `approval-${at}` : `approval-${at}-${time}`)
    const sent = asked.flatMap(({ run, approval }, at) => [1, 2].map((time) => run.decide(approval, idOf(at, time))))
    const answers = await Promise.all(sent)
    const refused = answers.flatMap((answer) => (!answer.accepted ? answer.code : []))
    expect(answers.filter((answer) => answer.accepted)).toHaveLength(RUNS + RUNS / 2)
    expect(refused).toEqual(Array.from({ length: RUNS / 2 }, () => 'decision_already_made'))
    expect(seen.most).toBe(CAP)

    await untilIn('completed')
    expect(await done()).toEqual({
      refunds: `${RUNS}`,
      payments: `${RUNS}`,
      cents: `${RUNS * CENTS}`,
      replies: `${RUNS}`,
      done: `${2 * RUNS}`,
      other: '0',
    })
  } finally {
    worker.signal('SIGTERM')
    await worker.ended
  }
}, 150_000)
