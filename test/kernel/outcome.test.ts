import { Client, Connection } from '@temporalio/client'
import { randomUUID } from 'node:crypto'
import { afterAll, expect, inject, test } from 'vitest'
import { CountersignClient } from '../../src/client/index.ts'
import { codeOf } from '../../src/contract/failures.ts'
import type { RunState } from '../../src/contract/states.ts'
import { SEARCH_ATTRIBUTES } from '../../src/contract/wire.ts'
import { eventsOf, typesOf } from '../support/history.ts'
import { approvalOf, pendingOf } from '../support/refunds.ts'
import { statements } from '../support/people.ts'
import { until } from '../support/world.ts'
import { newItem, useBoxes } from './box-world.ts'

const { world, boxes, start } = useBoxes()

const connections: Connection[] = []
afterAll(() => Promise.all(connections.map((connection) => connection.close())))

async function anotherClient(): Promise<CountersignClient> {
  const connection = await Connection.connect({ address: inject('temporalAddress') })
  connections.push(connection)
  return new CountersignClient(new Client({ connection }), { taskQueue: world().taskQueue, statements })
}

const PRINCIPAL = { principal: { subject: 'ana', workspace: 'boxes' } }

test('fifty callers that start or attach at once are all answered by one run, which acts once', async () => {
  const item = newItem()
  const workflowId = `fifty-${randomUUID()}`
  const clients = await Promise.all(Array.from({ length: 5 }, anotherClient))
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, at) => {
      const client = clients[at % clients.length] as CountersignClient
      return client.execute('chain', { acts: [{ tool: 'put', item }] }, { ...PRINCIPAL, workflowId })
    }),
  )
  expect(results).toHaveLength(50)
  for (const result of results) expect(result).toEqual(results[0])
  expect(results[0]).toMatchObject({ state: 'completed', outcome: { done: 1 } })
  expect(boxes.held(item)).toBe(1)
})

test('fifty callers wait for the outcome of a run that waits for a person, who can still decide', async () => {
  const item = `${newItem()}/ask`
  const run = await start('chain', { acts: [{ tool: 'put', item }] })
  const pending = await pendingOf(run)
  let answered = 0
  const clients = await Promise.all(Array.from({ length: 5 }, anotherClient))
  const waiting = Array.from({ length: 50 }, (_, at) =>
    (clients[at % clients.length] as CountersignClient)
      .run(run.workflowId)
      .outcome()
      .finally(() => (answered += 1)),
  )
  await until('the callers in the history', async () =>
    typesOf(await eventsOf(world().temporal, run)).find((type) => type.endsWith('UPDATE_ACCEPTED')),
  )
  expect(answered).toBe(0)
  expect(await run.decide(approvalOf(pending, 'ben'))).toMatchObject({ accepted: true })
  for (const result of await Promise.all(waiting)) expect(result).toMatchObject({ state: 'completed' })
  const accepted = typesOf(await eventsOf(world().temporal, run)).filter((type) => type.endsWith('UPDATE_ACCEPTED'))
  expect(accepted).toHaveLength(2)
  expect(boxes.held(item)).toBe(1)
})

test.concurrent('the outcome of a run that has closed is its result', async () => {
  const run = await start('loops', { item: newItem() })
  const result = await run.result()
  expect(await run.outcome()).toEqual(result)
})

test.concurrent('the outcome of a run that failed is answered, not thrown', async () => {
  const open = await start('chain', { acts: [{ tool: 'put', item: `${newItem()}/ask` }], finally: 'throw' })
  const waiting = open.outcome()
  await open.decide(approvalOf(await pendingOf(open), 'ben'))
  expect(await waiting).toMatchObject({ state: 'reverted', because: { code: 'playbook_failed' } })
  const failed = await start('chain', { acts: [], finally: 'throw' })
  await failed.result()
  expect(await failed.outcome()).toMatchObject({ state: 'failed', because: { code: 'playbook_failed' } })
})

test.concurrent('a start of a run that is open fails with run_exists, and nothing is done again', async () => {
  const item = newItem()
  const run = await start('chain', { acts: [{ tool: 'put', item }] })
  await run.outcome()
  const error = await start('chain', { acts: [{ tool: 'put', item }] }, run.workflowId).catch(
    (thrown: unknown) => thrown,
  )
  expect(codeOf(error)).toBe('run_exists')
  expect(boxes.held(item)).toBe(1)
})

test.concurrent('a repeated call with the same workflow id after the run has closed does not act again', async () => {
  const item = newItem()
  const workflowId = `repeated-${randomUUID()}`
  const call = () => world().client.execute('loops', { item }, { ...PRINCIPAL, workflowId })
  const first = await call()
  await world().client.run(workflowId).result()
  const second = await call().catch(codeOf)
  expect([first, 'run_exists']).toContainEqual(second)
  expect(boxes.held(`${item}/1`)).toBe(1)
})

test.concurrent('a run that does not exist is a typed failure of every call', async () => {
  const run = world().client.run(`none-${randomUUID()}`)
  const calls = [run.outcome(), run.result(), run.status(), run.undo({ by: 'olga' }), run.cancel()]
  const codes = await Promise.all(calls.map((call) => call.then(String, codeOf)))
  expect(codes).toEqual(calls.map(() => 'run_not_found'))
})

const ENDS: readonly (readonly [state: RunState, acts: readonly string[], end: string])[] = [
  ['blocked', ['ask'], 'return'],
  ['completed', ['fine'], 'return'],
  ['reverted', ['fine'], 'throw'],
  ['refused', ['forbidden'], 'return'],
  ['escalated', ['fine'], 'escalate'],
  ['failed', [], 'throw'],
]

test.concurrent.for(ENDS)('a query for the state finds a run that is %s', async ([state, acts, end]) => {
  const item = newItem()
  const run = await start('chain', {
    acts: acts.map((name) => ({ tool: 'put', item: `${item}/${name}` })),
    finally: end,
  })
  const query = `CountersignState = '${state}' AND CountersignPlaybook = 'chain' AND WorkflowId = '${run.workflowId}'`
  const found = await until(`the run among the ${state}`, async () => {
    for await (const info of world().temporal.workflow.list({ query })) return info
    return undefined
  })
  expect(found.typedSearchAttributes.get(SEARCH_ATTRIBUTES.workspace)).toBe('boxes')
  expect(found.typedSearchAttributes.get(SEARCH_ATTRIBUTES.policyDigest)).toMatch(/^sha256:[0-9a-f]{64}$/)
  const waitingFor = found.typedSearchAttributes.get(SEARCH_ATTRIBUTES.waitingFor)
  expect(waitingFor).toBe(state === 'blocked' ? 'approval' : undefined)
})

test.concurrent('a run that was refused at the door is found by its state too', async () => {
  const workflowId = `door-${randomUUID()}`
  const { temporal, taskQueue, client } = world()
  await temporal.workflow.start('chain', { workflowId, taskQueue, args: [{ request: { acts: [] } }] })
  await client.run(workflowId).result()
  const found = await until('the run among the failed', async () =>
    (await client.list({ state: 'failed', playbook: 'chain' })).find((one) => one.workflowId === workflowId),
  )
  expect(found).toMatchObject({ state: 'failed' })
})
