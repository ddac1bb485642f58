import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { triedFor } from '../../src/cli/backtest-text.ts'
import type { Tried } from '../../src/cli/backtesting.ts'
import { sightOf } from '../../src/privacy/reader.ts'
import { prometheusOf } from '../../src/worker/prometheus.ts'
import { httpSink } from '../notify/sinks.ts'
import { pendingOf, startRefund } from '../support/refunds.ts'
import { startWorld, until, type World } from '../support/world.ts'

const EMAIL = 'maria.lopez@mail.example'
const WORDS = 'my late mother gave it to me'
const { observer, text: metricsText } = metricsOf()

let sink: Awaited<ReturnType<typeof httpSink>>
let world: World
beforeAll(async () => {
  sink = await httpSink()
  const channel = { name: 'hook', kind: 'webhook', url: sink.url, secret: 's', groups: null, playbooks: null } as const
  world = await startWorld({ notify: { link: null, channels: [channel] }, observer })
})
afterAll(async () => {
  await world.stop()
  await sink[Symbol.asyncDispose]()
})

function metricsOf() {
  const metrics = prometheusOf()
  return { observer: metrics.observer, text: () => metrics.text() }
}

test('what people are told of a question says that there was something personal, and whoever looks at the run sees it', async () => {
  const message = `It arrived broken, ${WORDS}. Please refund $120.00 and write to ${EMAIL}.`
  const { run } = await startRefund(world, { amountCents: 12_000, message })
  const pending = await pendingOf(run)
  const told = await until('the message', async () => sink.came.find(({ body }) => body.includes(run.workflowId)))
  expect(told.body).not.toContain(EMAIL)
  expect(told.body).not.toContain(WORDS)
  expect(told.body).toContain('reason “[text]”')
  // What it takes to answer is there.
  expect(told.body).toContain(pending.actionDigest)
  expect(told.body).toContain('refund $120.00 of payment')
  expect(JSON.stringify(pending)).toContain(WORDS)
  expect(JSON.stringify(await metricsText())).not.toMatch(/maria|mother|pay_/)
})

test('a log line holds no address, number or key, whatever it is about', async () => {
  const file = join(import.meta.dirname, '..', '..', 'src', 'cli', 'log.ts')
  const code = `
    import { jsonLog } from ${JSON.stringify(file)}
    const log = jsonLog('info')
    log.info('mail to ${EMAIL} failed', { to: ['+49 30 901820'], key: 'sk_live_4eC39HqLyjWDarjtT1zdp7dc', n: 3 })
    log.fatal('the database postgres://app:hunter2x@db/x is away')
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'ignore', 'pipe'] })
  const lines = (await text(child.stderr)).trim().split('\n')
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { level: 'info', msg: 'mail to [email] failed', to: ['[phone]'], key: '[secret]', n: 3 },
    { level: 'fatal', msg: 'the database postgres://app:[secret]@db/x is away' },
  ])
})

test('a report that leaves the machine has no words of people in it', () => {
  const match = (value: string) =>
    ({
      rule: 'deny_if.reason_contains',
      effect: 'deny',
      fact: 'reason',
      value,
      because: `reason is “${value}”`,
    }) as const
  const action = {
    runKey: 'w/1',
    step: 's',
    people: null,
    decision: { effect: 'deny', matches: [match(WORDS), match('plus')] },
  }
  const tried = { groups: [{ tool: 't', actions: [action] }], undecided: [] } as unknown as Tried
  const [group] = triedFor('export', tried).groups
  expect(group?.actions[0]?.decision.matches).toMatchObject([
    { value: '[text]', because: 'reason is “[text]”' },
    { value: 'plus', because: 'reason is “plus”' },
  ])
})

test('nobody sees personal values but who works with them', () => {
  const readers = ['operator', 'approver', 'model', 'notified', 'log', 'export'] as const
  expect(readers.filter((reader) => sightOf(reader) === 'all')).toEqual(['operator', 'approver'])
})
