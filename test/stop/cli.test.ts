import { resolve } from 'node:path'
import getPort from 'get-port'
import { expect, test } from 'vitest'
import { query, until } from '../support/world.ts'
import { countersign, useFolder } from '../cli/cli.ts'
import { refunded, requestFor, resultOf, waitingRun } from '../cli/waiting-run.ts'
import { useWorkerChild } from '../cli/worker-child.ts'
import { inForce } from './stop-world.ts'

const folder = useFolder()
const child = useWorkerChild(folder)
const run = (...args: readonly string[]) => child().run(args)
const olga = (reason: string) => ['--by', 'olga@acme.example', '--reason', reason]
const DATE = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`

test('stop keeps an approved refund from happening; show says who and why; resume lets it go on, once', async () => {
  const { workflowId, pending, order, handle } = await waitingRun(child())
  const stopped = await run('stop', 'tool', 'billing.refund', ...olga('refunds go to the wrong cards'))
  expect(stopped.stdout).toMatch(
    new RegExp(
      `^tool \`billing\\.refund\` is stopped since ${DATE} by olga@acme\\.example: refunds go to the wrong cards \\(stop \\d+\\)\n$`,
    ),
  )
  expect(stopped.stderr).toBe(
    'It is in force on every host within a second. What is being done at this moment is let finish.\n',
  )
  expect(stopped.code).toBe(0)

  const covered = await run('show', workflowId)
  expect(covered.stdout).toMatch(
    /^state {5}blocked, waiting for approval\nstopped {3}tool `billing\.refund` is stopped since .*: refunds go to the wrong cards \(stop \d+\)\n/m,
  )

  const approve = ['approve', workflowId, '--digest', pending.actionDigest, '--by', 'ben@acme.example']
  expect(await run(...approve)).toMatchObject({ code: 0 })
  await until('the incident', async () => (await handle.status()).incidents[0])
  const page = await run('show', workflowId)
  expect(page.stdout).toContain('state     blocked, waiting for incident\n')
  expect(page.stdout).toMatch(
    / {2}tool `billing\.refund` is stopped since .*: refunds go to the wrong cards \(stop \d+\) {2}\(stopped, /,
  )
  expect(page.stdout).toContain('    countersign resume tool billing.refund --by <you> --reason <why>\n')
  expect(page.stdout).toContain(`see ${resolve(import.meta.dirname, '../../docs/failures/stopped.md')}\n`)
  expect(await refunded(child(), order)).toBe(0)

  const again = await run('stop', 'tool', 'billing.refund', ...olga('once more'))
  expect(again).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^already: tool `billing\.refund` .* wrong cards/),
  })
  const listed = await run('stops')
  expect(listed.stdout).toMatch(
    /^STOP {2}WHAT {2}NAME {12}SINCE +BY +REASON\n\d+ +tool {2}billing\.refund {2}[\d :-]+ UTC {2}olga@acme\.example {2}refunds go to the wrong cards\n$/,
  )

  const resumed = await run('resume', 'tool', 'billing.refund', '--by', 'otto@acme.example', '--reason', 'mended')
  expect(resumed).toMatchObject({ code: 0, stdout: 'tool `billing.refund` may go on\n' })
  // Runs of other tests that wait for somebody may be named after it.
  expect(resumed.stderr).toMatch(/^1 run goes on\.\n/)
  await until('the refund', async () => ((await refunded(child(), order)) === 12_000 ? true : undefined))
  expect(await resultOf(handle)).toMatchObject({ state: 'completed' })
  expect(await run('stops')).toEqual({ code: 0, stdout: '', stderr: 'Nothing is stopped.\n' })
  expect((await run('show', workflowId)).stdout).not.toMatch(/^stopped/m)
  const all = await run('stops', '--all')
  expect(all.stdout).toMatch(/ UTC by otto@acme\.example: mended\n$/)
  const late = await run('resume', 'tool', 'billing.refund', ...olga('again'))
  expect(late.stdout).toMatch(/^tool `billing\.refund` is not stopped: otto@acme\.example lifted it at .* UTC\n$/)
  expect(late).toMatchObject({ code: 0, stderr: expect.stringMatching(/^0 runs go on\.\n/) })
})

test('stop, stops and resume give the whole of it as JSON', async () => {
  const { code, stdout } = await run('stop', 'workspace', 'nobody', ...olga('a drill'), '--json')
  expect(code).toBe(0)
  const { stop } = JSON.parse(stdout) as { stop: { id: string; at: string } }
  const mark = { scope: 'workspace', name: 'nobody', by: 'olga@acme.example', reason: 'a drill' }
  expect(JSON.parse(stdout)).toEqual({ stop: { ...stop, ...mark, lifted: null }, isNew: true, known: false })
  expect(JSON.parse((await run('stops', '--json')).stdout)).toEqual({ stops: [{ ...stop, ...mark, lifted: null }] })
  const resumed = await run('resume', 'workspace', 'nobody', ...olga('it is over'), '--json')
  expect(JSON.parse(resumed.stdout)).toEqual({
    target: { scope: 'workspace', name: 'nobody' },
    lifted: {
      ...stop,
      ...mark,
      lifted: {
        by: 'olga@acme.example',
        reason: 'it is over',
        at: expect.stringMatching(DATE),
        statement: expect.objectContaining({ who: expect.objectContaining({ subject: 'olga@acme.example' }) }),
      },
    },
    runs: { resumed: [], refused: [], unanswered: expect.any(Array) },
  })
})

test('show tells of a stop of the run, its workspace or its playbook, in JSON too, and of none over others', async () => {
  const { workflowId } = await waitingRun(child())
  for (const [what, name] of [
    ['run', workflowId],
    ['workspace', 'acme'],
    ['playbook', 'refund_request'],
  ] as const) {
    await run('stop', what, name, ...olga('a drill'))
    expect((await run('show', workflowId)).stdout).toMatch(new RegExp(`^stopped   ${what} \`${name}\` is stopped`, 'm'))
    const { stops } = JSON.parse((await run('show', workflowId, '--json')).stdout) as { stops: readonly object[] }
    expect(stops).toMatchObject([{ scope: what, name, by: 'olga@acme.example', reason: 'a drill' }])
    await run('resume', what, name, ...olga('it is over'))
  }
  await run('stop', 'workspace', 'somewhere else', ...olga('a drill'))
  expect((await run('show', workflowId)).stdout).not.toMatch(/^stopped/m)
  await run('resume', 'workspace', 'somewhere else', ...olga('it is over'))
  const nowhere = { ...child().env, DATABASE_URL: `postgres://127.0.0.1:${await getPort()}/none` }
  const page = await countersign(['show', workflowId, '--json'], { env: nowhere, cwd: folder() })
  expect(page.code).toBe(0)
  expect(JSON.parse(page.stdout)).toMatchObject({ stops: null })
})

test('a tool or playbook that nobody knows is not stopped: exit code 2, with what may be meant; --force does it', async () => {
  const tool = await run('stop', 'tool', 'billing.refnd', ...olga('wrong'))
  expect(tool).toMatchObject({ code: 2, stdout: '' })
  expect(tool.stderr).toContain(
    'error: nobody knows the tool `billing.refnd`: neither the ledger nor the project in this folder\n' +
      '  help  did you mean `billing.refund`? With --force it is stopped all the same.\n',
  )
  const playbook = await run('stop', 'playbook', 'payouts', ...olga('wrong'))
  expect(playbook).toMatchObject({ code: 2, stderr: expect.stringContaining('the playbooks of this project are') })
  expect((await run('stops')).stdout).toBe('')
  expect(await run('stop', 'playbook', 'payouts', ...olga('wrong'), '--force')).toMatchObject({ code: 0 })
  expect((await run('stops')).stdout).toContain('payouts')
  await run('resume', 'playbook', 'payouts', ...olga('a drill'))
})

test('a thought is stopped by its name, and a run and a workspace that the ledger does not know are, with a warning', async () => {
  expect(await run('stop', 'tool', 'refund.readClaim', ...olga('a drill'))).toMatchObject({
    code: 0,
    stderr: expect.not.stringContaining('check the name'),
  })
  expect(await run('resume', 'tool', 'refund.readClaim', ...olga('it is over'))).toMatchObject({ code: 0 })
  for (const [what, name] of [
    ['run', 'refund-7'],
    ['workspace', 'no such'],
  ] as const) {
    const { code, stderr } = await run('stop', what, name, ...olga('a drill'))
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(new RegExp(`^Nobody has heard of the ${what} \`${name}\` yet: check the name\\.\n`)),
    ])
    expect(await run('resume', what, name, ...olga('it is over'))).toMatchObject({ code: 0 })
  }
})

test('what was never stopped cannot be resumed: exit code 3', async () => {
  const { code, stdout, stderr } = await run('resume', 'tool', 'helpdesk.reply', ...olga('go on'))
  expect([code, stdout]).toEqual([3, ''])
  expect(stderr).toBe(
    'refused: nobody ever stopped the tool `helpdesk.reply`\n  help  See what is stopped: countersign stops\n  code  not_stopped\n',
  )
})

test.each([
  ['without a reason', ['stop', 'tool', 'billing.refund', '--by', 'olga'], '--reason'],
  ['with a blank reason', ['stop', 'tool', 'billing.refund', '--by', 'olga', '--reason', ' '], 'cannot be taken'],
  ['by nobody', ['stop', 'tool', 'billing.refund', '--reason', 'why'], '--by'],
  ['of something else', ['stop', 'world', 'all', '--by', 'olga', '--reason', 'why'], 'run, tool, playbook, workspace'],
])('a stop %s is a usage error, and stops nothing', async (_title, args, said) => {
  expect(await run(...args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(said) })
  const { rows } = await query(child().databaseUrl, 'SELECT FROM countersign.stops WHERE lifted_at IS NULL')
  expect(rows).toEqual([])
})

test('without a gateway that answers, --break-glass stops, says that nobody proved it, and asks who', async () => {
  const env = { ...child().env, COUNTERSIGN_GATEWAY_URL: 'http://127.0.0.1:9', COUNTERSIGN_TOKEN: 'a.b.c' }
  const away = (...args: readonly string[]) => countersign(args, { env, cwd: folder() })
  const stop = ['stop', 'workspace', 'somewhere', '--reason', 'a breach'] as const
  expect(await away(...stop)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /\nWhere nobody can log in, .*`--break-glass --by <you>`.*\n[\s\S]*gateway_unavailable/,
    ),
  })
  expect((await run('stops')).stdout).not.toContain('somewhere')
  expect(await away(...stop, '--break-glass')).toMatchObject({ code: 2, stderr: expect.stringContaining('--by <you>') })
  const stopped = await away(...stop, '--break-glass', '--by', 'olga')
  expect(stopped.stdout).toContain('by olga (break-glass: not proved): a breach')
  expect((await run('stops')).stdout).toContain('olga (break-glass: not proved)')
  const resumed = await run('resume', 'workspace', 'somewhere', ...olga('it is over'))
  expect(resumed.stdout).toBe('workspace `somewhere` may go on\n')
})
test('while Temporal is down, stop works, and resume lifts and says that the runs wait on, and how to let them go on', async () => {
  const { order, request } = await requestFor(child())
  const env = { ...child().env, TEMPORAL_ADDRESS: `127.0.0.1:${await getPort()}` }
  const away = (...args: readonly string[]) => countersign(args, { env, cwd: folder() })
  const { code, stdout } = await away('stop', 'workspace', 'acme', ...olga('a breach'), '--json')
  expect(code).toBe(0)
  await inForce((JSON.parse(stdout) as { stop: Parameters<typeof inForce>[0] }).stop)

  const principal = { subject: 'ana@acme.example', workspace: 'acme' }
  const handle = await child().client.start('refund_request', request, {
    principal,
    workflowId: `cli-${order.orderId}`,
  })
  await until('the run to wait', async () => (await handle.status()).incidents[0])
  const lifted = await away('resume', 'workspace', 'acme', ...olga('it is over'))
  expect(lifted).toMatchObject({ code: 1, stdout: 'workspace `acme` may go on\n' })
  expect(lifted.stderr).toContain(
    'error: The stop is lifted, but the runs that wait at it do not know yet. No Temporal answers at',
  )
  expect(lifted.stderr).toContain('  code  runs_not_told\n')
  expect((await run('stops')).stdout).toBe('')
  expect(await handle.status()).toMatchObject({ state: 'blocked', waitingFor: 'incident' })
  expect(await refunded(child(), order)).toBe(0)

  const told = await run('resume', 'workspace', 'acme', ...olga('it is over'))
  expect(told).toMatchObject({ code: 0, stderr: expect.stringMatching(/^1 run goes on\.\n/) })
  expect(await resultOf(handle)).toMatchObject({ state: 'completed' })
  expect(await refunded(child(), order)).toBe(2_000)
})
