import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { triedFor } from '../../src/cli/backtest-text.ts'
import type { Tried } from '../../src/cli/backtesting.ts'
import { pii } from '../../src/contract/classes.ts'
import { digestOfText } from '../../src/contract/digest.ts'
import { enumFact, textFact } from '../../src/contract/fact.ts'
import type { PlaybookContract } from '../../src/contract/playbook.ts'
import type { PendingApproval } from '../../src/contract/run.ts'
import type { WriteTool } from '../../src/contract/tool.ts'
import { decide } from '../../src/policy/decide/index.ts'
import { quoted } from '../../src/policy/decide/words.ts'
import { parsePolicy } from '../../src/policy/load/index.ts'
import { cutJsonIn } from '../../src/privacy/redact.ts'
import { questionFor, sightOf } from '../../src/privacy/reader.ts'
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

const LONG = `${WORDS}\u0000 and ${'I kept it for years; '.repeat(10)}`
const declares = {
  reason: textFact('request'),
  other: textFact('request'),
  tier: enumFact(['plus'], 'record'),
} as const

test.each([
  ['of one text', { reason: WORDS }, 'reason != "x"'],
  ['of one word', { reason: 'mother' }, 'reason != "x"'],
  ['of two texts, one of them cut', { reason: 'mother', other: LONG }, 'reason != "x" && other != "x"'],
])('a report that leaves the machine has no words of people in it: a rule %s', (_, written, cel) => {
  const policy = `workflow: w\nrules:\n  - { id: seen, effect: deny, when: { cel: '${cel} && tier == "plus"' } }\n`
  const parsed = parsePolicy(policy, digestOfText(policy), [
    { name: 'w', tools: [{ name: 't', kind: 'write', declares }] } as unknown as PlaybookContract,
  ])
  if (!parsed.ok) throw new Error(JSON.stringify(parsed))
  const facts = { ...written, tier: 'plus' }
  const decision = decide(parsed.policy, { declares }, facts)
  expect(decision.matches[0]?.because).toContain(written.reason)
  const action = { runKey: 'w/1', step: 's', people: null, facts, decision }
  const tried = { groups: [{ tool: 't', actions: [action] }], undecided: [] } as unknown as Tried
  const contract = { tools: [{ name: 't', kind: 'write', declares }] } as unknown as PlaybookContract
  const json = JSON.stringify(triedFor('export', tried, contract))
  expect(json).not.toMatch(/mother|years/)
  expect(json).toContain('reason is `[text]`')
  expect(json).toContain('tier is `plus`')
})

test('a value that stands on a match is masked with it, and one of a list of the contract is not', () => {
  const matches = [
    { rule: 'a', effect: 'deny', fact: 'reason', value: 'ok', because: 'reason is `ok`' },
    { rule: 'b', effect: 'deny', fact: 'tier', value: 'plus', because: 'tier is `plus`' },
  ]
  const action = { runKey: 'w/1', step: 's', people: null, facts: {}, decision: { effect: 'deny', matches } }
  const tried = { groups: [{ tool: 't', actions: [action] }], undecided: [] } as unknown as Tried
  const contract = { tools: [{ name: 't', kind: 'write', declares }] } as unknown as PlaybookContract
  expect(triedFor('export', tried, contract).groups[0]?.actions[0]?.decision.matches).toMatchObject([
    { value: '[text]' },
    { value: 'plus', because: 'tier is `plus`' },
  ])
})

test('of a question nothing leaves that anybody wrote, however contract and policy cut or reword it', () => {
  const contract = {
    name: 'crm.rename',
    title: 'rename',
    input: z.strictObject({
      name: pii(z.string(), 'name'),
      born: pii(z.number(), 'date'),
      note: pii(z.string(), 'text'),
    }),
    declares: { note: textFact('request') },
    describe: ({ name, born, note }: { name: string; born: number; note: string }) =>
      `rename to ${name.slice(0, 9).toUpperCase()}, ${born.toFixed(0)}: ${note.slice(0, 9)}…`,
  } as unknown as WriteTool
  const input = { name: 'Maria Lopez', born: 19800214, note: LONG }
  const change = (from: string, to: string) => ({ record: 'customer/cus_1', field: 'f', from, to })
  const question = {
    about: 'action',
    describe: contract.describe(input),
    decision: { effect: 'require_approval', matches: [{ rule: 'r', because: `note is ${quoted(LONG)}` }] },
    action: {
      tool: 'crm.rename',
      input,
      facts: { note: LONG, unknown: 'Lopez', amount: { currency: 'USD', cents: 12_000 } },
      changes: [change('Lopez-Ruiz', 'Maria Lopez'), change('$120.00', '3'), change('1980-02-14', '4905550123')],
      evidence: [{ step: 's', kind: 'record', reference: 'person/Maria Lopez', outputDigest: 'd', at: 'a' }],
    },
  } as unknown as PendingApproval
  for (const known of [contract, undefined]) {
    const told = questionFor('notified', question, known)
    const said = Object.entries('action' in told ? told.action : {}).filter(([name]) => name !== 'input')
    expect(JSON.stringify({ ...told, action: said })).not.toMatch(/mari|lopez|ruiz|mother|years|1980|0123/i)
    expect(told).toMatchObject({
      action: {
        facts: { note: '[text]', unknown: '[text]' },
        changes: [{ from: '[text]' }, { from: '$120.00', to: '3' }, {}],
      },
    })
  }
})

test.each([
  ['{"name":"Maria Lopez","why":"a long sto', { name: 'Maria Lopez', why: 'a long sto' }],
  ['{"name":"Maria Lo', { name: 'Maria Lo' }],
  ['{"a":[{"name":"M \\"x\\" y"},{"name":"Lo\\', { a: [{ name: 'M "x" y' }, { name: 'Lo' }] }],
  ['{"name":"Maria","born', { name: 'Maria' }],
  ['{"name":"Maria","born":', { name: 'Maria' }],
  ['{"name":"Maria","born":19', { name: 'Maria', born: 19 }],
  ['{"name":"Maria","is":tr', { name: 'Maria' }],
  ['{"name":"Maria"} and more', { name: 'Maria' }],
])('JSON that was cut is read as far as it goes: %s', (cut, read) => {
  expect(cutJsonIn(cut)).toEqual(read)
})

test('nobody sees personal values but who works with them', () => {
  const readers = ['operator', 'approver', 'model', 'notified', 'log', 'export'] as const
  expect(readers.filter((reader) => sightOf(reader) === 'all')).toEqual(['operator', 'approver'])
})
