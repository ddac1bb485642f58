import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { useFolder } from '../cli/cli.ts'
import { requestFor } from '../cli/waiting-run.ts'
import { useWorkerChild } from '../cli/worker-child.ts'
import { healthOf } from '../operating/shop.ts'
import { query, until } from '../support/world.ts'
import { foundIn } from './searched.ts'

const folder = useFolder()
const child = useWorkerChild(folder, {
  env: () => {
    const file = join(folder(), 'master-keys.json')
    const keys = { current: 'm-1', keys: { 'm-1': Buffer.alloc(32, 1).toString('base64') } }
    writeFileSync(file, JSON.stringify(keys), { mode: 0o600 })
    return {
      COUNTERSIGN_MASTER_KEYS: file,
      COUNTERSIGN_PAYLOADS: 'encrypted',
      COUNTERSIGN_LOG_FORMAT: 'json',
      COUNTERSIGN_LOG_LEVEL: 'debug',
    }
  },
})

const word = (): string => `pl${randomUUID().replaceAll('-', '')}`
const planted = {
  'name in a record': `Ma${word()}`,
  'e-mail in a record': `${word()}@mail.example`,
  'words of a message': word(),
  'e-mail in a message': `${word()}@post.example`,
  'comment of an approval': word(),
  'comment of an undo': word(),
  'order that nobody has': word(),
}

/** A refund that is approved and undone, one that breaks off, as its request has a bad form. The first one's id. */
async function ran(): Promise<string> {
  const message = `It arrived broken, ${planted['words of a message']}, ${planted['e-mail in a message']}. Please refund $120.00.`
  const { order, request } = await requestFor(child(), { amountCents: 12_000 }, message)
  await query(child().databaseUrl, 'UPDATE records.customers SET name = $2, email = $3 WHERE id = $1', [
    order.customerId,
    planted['name in a record'],
    planted['e-mail in a record'],
  ])
  const start = async (id: string, asked: object, ...more: readonly string[]): Promise<void> => {
    const args = ['start', 'refund_request', '--id', id, '--request', JSON.stringify(asked), '--by', 'ana@acme.example']
    expect((await child().run([...args, ...more, '--task-queue', child().taskQueue])).code).toBe(0)
  }
  const [made, broken] = [`refund-${randomUUID()}`, `refund-${randomUUID()}`]
  await start(made, request)
  await until('the question', async () => {
    const { stdout } = await child().run(['show', made])
    return stdout.includes('approve') ? true : undefined
  })
  const say = (verb: string, by: string, comment: string, ...more: readonly string[]) =>
    child().run([verb, made, '--by', by, '--comment', comment, ...more])
  expect((await say('approve', 'ben@acme.example', planted['comment of an approval'], '--yes')).code).toBe(0)
  await until('its outcome', async () => {
    const { stdout } = await child().run(['show', made, '--json'])
    return stdout.includes('"state": "completed"') ? true : undefined
  })
  expect((await say('undo', 'olga@acme.example', planted['comment of an undo'])).code).toBe(0)
  await start(broken, { ...request, orderId: planted['order that nobody has'] }, '--force')
  await until('both ends', async () => {
    const shown = await Promise.all([made, broken].map((id) => child().run(['show', id])))
    return shown.every(({ stdout }) => /reverted|failed/i.test(stdout)) ? true : undefined
  })
  return made
}

test('log, metrics, lists, reports and the file for a SIEM of a worker in a process of its own hold nothing of what was planted', async () => {
  const id = await ran()
  const policy = join(folder(), 'quoting.yaml')
  writeFileSync(policy, 'workflow: refund_request\nrules: [{ id: all, effect: deny, when: { cel: reason != "" } }]\n')
  const commands = [
    ['list', '--workspace', 'acme', '--json'],
    ['policy', 'backtest', policy, '--task-queue', child().taskQueue],
    ['policy', 'backtest', policy, '--task-queue', child().taskQueue, '--json'],
    ['reconcile', '--task-queue', child().taskQueue, '--json'],
    ['doctor', '--no-model', '--task-queue', child().taskQueue],
    ['audit', 'enqueue', id],
  ]
  const printed: string[] = []
  for (const args of commands) {
    const { stdout, stderr } = await child().run(args)
    expect(stdout, args.join(' ')).not.toBe('')
    printed.push(stdout, stderr)
  }
  expect(printed.join('\n')).toContain('reason is `[text]')
  const file = join(folder(), '.countersign', 'exports', 'audit.jsonl')
  const exported = await until('the file for a SIEM', () => {
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
    return Promise.resolve(lines.some((line) => line.includes(id)) ? lines.join('\n') : undefined)
  })
  const metrics = await (await fetch(`${healthOf(child().worker)}/metrics`)).text()
  const log = child().worker.stderr()
  expect(log.split('\n').filter((line) => line.startsWith('{')).length).toBeGreaterThan(5)
  const places = { log, metrics, exported, printed: printed.join('\n') }
  const found = Object.entries(places).flatMap(([where, text]) =>
    foundIn(Buffer.from(text), planted).map((what) => `${where}: ${what}`),
  )
  expect(found).toEqual([])
  // Whoever works with it sees it.
  expect((await child().run(['show', id])).stdout).toContain(planted['comment of an approval'])
  expect(foundIn(Buffer.from((await child().run(['show', id, '--json'])).stdout), planted).length).toBeGreaterThan(1)
}, 180_000)
