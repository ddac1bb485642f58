import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Background, countersign, inBackground, useFolder } from '../../cli/cli.ts'
import { requestFor, resultOf } from '../../cli/waiting-run.ts'
import { useWorkerChild } from '../../cli/worker-child.ts'

const folder = useFolder()
const child = useWorkerChild(folder)
const at = (name: string): string => join(folder(), name)
/** A computer that knows no server. */
const elsewhere = (...args: readonly string[]) => countersign(['audit', ...args], { cwd: folder() })
const started: Background[] = []

async function serving(...args: readonly string[]): Promise<string> {
  const one = inBackground(['audit', ...args], { cwd: folder() })
  started.push(one)
  await one.says('ready')
  return one.stderr()
}

let signing: readonly string[]

beforeAll(async () => {
  for (const name of ['signer', 'witness', 'other']) await elsewhere('new-key', '--out', at(name))
  const origin = ['--origin', 'acme.example/countersign']
  const signer = at('signer.sock')
  await serving('signer', ...origin, '--state', at('signer.state'), '--key-file', at('signer'), '--socket', signer)
  const witness = [
    'witness',
    '--name',
    'witness.example',
    '--log-key',
    at('signer.pub'),
    '--state',
    at('witness.state'),
  ]
  const said = await serving(...witness, ...origin, '--key-file', at('witness'), '--address', '127.0.0.1:0')
  const url = /http:\/\/[\d.:]+/.exec(said)?.[0] ?? ''
  signing = ['--signer', `unix:${signer}`, '--witness', url, '--witness-key', at('witness.pub')]
}, 60_000)
afterAll(async () => {
  for (const one of started) {
    one.signal('SIGTERM')
    await one.ended
  }
})

async function completedRun(): Promise<string> {
  const { order, request } = await requestFor(child())
  const workflowId = `seal-${order.orderId}`
  await resultOf(
    await child().client.start('refund_request', request, {
      principal: { subject: 'ana@acme.example', workspace: 'acme' },
      workflowId,
    }),
  )
  return workflowId
}

test('a run is sealed, and its one file is verified where there is no server', async () => {
  const workflowId = await completedRun()
  const sealed = await child().run(['audit', 'seal', workflowId, ...signing])
  expect([sealed.code, sealed.stdout]).toEqual([
    0,
    expect.stringMatching(/^sealed {2}leaf 0, \S+\nlog {2}1 leaves, 1 signatures of witnesses\n$/),
  ])
  expect((await child().run(['audit', 'seal', workflowId, ...signing])).stdout).toMatch(/^sealed before {2}leaf 0/)
  const { stdout: checkpoint } = await child().run(['audit', 'checkpoint'])
  await writeFile(at('pinned'), checkpoint)
  expect((await child().run(['audit', 'bundle', workflowId, '--out', at('run.json')])).code).toBe(0)
  const by = ['--key', at('signer.pub'), '--checkpoint', at('pinned'), '--witness-key', at('witness.pub')]
  const good = await elsewhere('verify', at('run.json'), ...by)
  expect([good.code, good.stderr]).toEqual([0, ''])
  expect(good.stdout).toMatch(/^run {2}\S+\nfile +ok [^]*\nrecord +ok [^]*\nnothing disagrees\n$/)
  const text = await readFile(at('run.json'), 'utf8')
  await writeFile(at('forged.json'), text.replace('"seq":0,"step":null,"text":"', '$&Nothing happened. '))
  const forged = await elsewhere('verify', at('forged.json'), ...by)
  expect([forged.code, forged.stderr]).toEqual([3, ''])
  expect(forged.stdout).toMatch(/\ntree +FAILED [^]*\n {4}entry 0 \(execution\)\n[^]*\nit does not hold\n$/)
  const other = await elsewhere(
    'verify',
    at('run.json'),
    '--key',
    at('other.pub'),
    '--checkpoint',
    at('pinned'),
    '--json',
  )
  expect(other.code).toBe(3)
  expect(JSON.parse(other.stdout)).toMatchObject({
    isGood: false,
    verdicts: expect.arrayContaining([expect.objectContaining({ check: 'envelope', verdict: 'failed' })]),
  })
  await child().run(['audit', 'log', at('log')])
  expect((await elsewhere('verify', at('log'), ...by)).code).toBe(0)
})

test('with the bundle of its playbook a run is replayed and decided again', async () => {
  const workflowId = await completedRun()
  await child().run(['audit', 'seal', workflowId, ...signing])
  await writeFile(at('pinned'), (await child().run(['audit', 'checkpoint'])).stdout)
  await child().run(['audit', 'bundle', workflowId, '--out', at('run.json')])
  await countersign(['build', '--out', at('playbooks')], {})
  const by = ['--key', at('signer.pub'), '--checkpoint', at('pinned'), '--bundle', at('playbooks')]
  const { code, stdout } = await elsewhere('verify', at('run.json'), ...by)
  expect(stdout).toMatch(/\npolicy +ok +2 actions decided again[^]*\ncode +ok +\d+ commands of 1 histories/)
  expect(code).toBe(0)
}, 60_000)

test('keys are for their owner, and a signer that anybody could ask does not start', async () => {
  expect((await stat(at('signer'))).mode & 0o777).toBe(0o600)
  const start = (...args: readonly string[]) =>
    elsewhere('signer', '--origin', 'acme.example/x', '--state', at('x.state'), ...args)
  const open = await start('--key-file', at('signer.pub'), '--socket', at('x.sock'))
  expect([open.code, open.stderr]).toEqual([1, expect.stringContaining('others than its owner can read')])
  expect((await start('--key-file', at('other'), '--address', '127.0.0.1:0')).code).toBe(2)
  expect((await start('--key-file', at('other'), '--address', '0.0.0.0:0', '--token-file', at('token'))).code).toBe(2)
  expect((await start('--socket', at('x.sock'))).stderr).toContain('the signer has no key')
  const second = await elsewhere(
    'signer',
    '--origin',
    'acme.example/countersign',
    '--state',
    at('signer.state'),
    '--key-file',
    at('other'),
    '--socket',
    at('y.sock'),
  )
  expect(second.stderr).toContain('Another process has the state')
  const none = await child().run(['audit', 'seal', 'x', '--signer', `unix:${at('none.sock')}`])
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('signer_unreachable')])
})

test('what is no key, no checkpoint and no file is a usage error', async () => {
  await writeFile(at('text'), 'hello\n')
  const verify = (...args: readonly string[]) => elsewhere('verify', ...args)
  expect((await verify(at('text'), '--key', at('text'), '--checkpoint', at('text'))).code).toBe(2)
  expect((await verify(at('text'), '--key', at('signer.pub'), '--checkpoint', at('text'))).stderr).toContain(
    'is no checkpoint',
  )
  expect((await verify(at('nothing'), '--key', at('signer.pub'), '--checkpoint', at('pinned'))).code).toBe(2)
  const text = await verify(at('text'), '--key', at('signer.pub'), '--checkpoint', at('pinned'))
  expect([text.code, text.stdout]).toEqual([3, expect.stringMatching(/^file +FAILED/)])
})
