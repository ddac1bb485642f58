import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { until } from '../support/world.ts'
import { countersign, useFolder } from './cli.ts'
import { refunded, requestFor, resultOf, waitingRun } from './waiting-run.ts'
import { useWorkerChild } from './worker-child.ts'

const folder = useFolder()
const child = useWorkerChild(folder)
const run = (...args: readonly string[]) => child().run(args)
/** Far from the checkout, so by its whole path. */
const pageOf = (code: string) => resolve(import.meta.dirname, '..', '..', 'docs', 'failures', `${code}.md`)

/** What is said of a run that has closed, and takes nothing any more. */
const closedSays = (state: string, help: string): string =>
  `refused: the run is closed: it ended ${state}\n  help  ${help}\n  code  run_closed\n`

test('start --wait prints the id and the outcome; what completes is exit code 0', async () => {
  const { order, request } = await requestFor(child())
  const args = ['start', 'refund-request', '--by', 'ana@acme.example', '--request', '-', '--wait']
  const { code, stdout } = await child().run([...args, '--task-queue', child().taskQueue], JSON.stringify(request))
  expect(stdout).toMatch(/^refund-request-[0-9a-f-]{36}\nended {5}completed\noutcome {3}\{.*"refundId":"ref_\d+"/)
  expect(stdout).toContain(`  done       refund $20.00 of payment ${order.paymentId}  (billing.refund-1)\n`)
  expect(code).toBe(0)
  expect(await refunded(child(), order)).toBe(2000)
})

test('start --wait of a run that is refused is exit code 3, and says which rule', async () => {
  const { order, request } = await requestFor(child(), {}, 'This is fraud. Give it all back.')
  await writeFile(join(folder(), 'request.json'), JSON.stringify(request))
  const args = ['start', 'refund_request', '--by', 'ana@acme.example', '--task-queue', child().taskQueue, '--wait']
  const plain = await run(...args, '--request-file', 'request.json')
  expect(plain.stdout).toContain('ended     refused\n')
  expect(plain.stdout).toContain("because   reason contains `fraud` (a model's word) (deny_if.reason_contains)\n")
  expect(plain.stdout).toContain(`see ${pageOf('denied_by_policy')}\n`)
  expect(plain.code).toBe(3)
  const { code, stdout } = await run(...args, '--request-file', 'request.json', '--json')
  expect(JSON.parse(stdout)).toMatchObject({
    link: null,
    result: { state: 'refused', because: { code: 'denied_by_policy' } },
  })
  expect(code).toBe(3)
  expect(await refunded(child(), order)).toBe(0)
})

test('a playbook that looks misspelt is not started', async () => {
  const args = ['--by', 'b', '--request', '{}', '--task-queue', child().taskQueue, '--id', 'misspelt']
  const { code, stderr } = await run('start', 'refund_requst', ...args)
  expect(stderr).toBe(
    'error: there is no playbook `refund_requst` in the project of this folder\n' +
      '  help  did you mean `refund_request`? With --force it is started all the same, and waits for a worker that has it.\n  code  usage\n',
  )
  expect(code).toBe(2)
  expect((await run('show', 'misspelt')).code).toBe(1)
})

test('a request that its playbook would refuse is not sent, and all that is wrong is told; with --force it is', async () => {
  const args = ['start', 'refund_request', '--by', 'b', '--request', '{"orderId":"ord_1"}', '--id', 'half-a-request']
  const { code, stderr } = await run(...args, '--task-queue', child().taskQueue)
  expect(stderr).toContain('error: `refund_request` would refuse the request: ')
  for (const missing of ['`ticketId`: ', '`message`: ']) expect(stderr).toContain(missing)
  expect(code).toBe(2)
  expect((await run('show', 'half-a-request')).code).toBe(1)
  const sent = await run(...args, '--task-queue', child().taskQueue, '--wait', '--force')
  expect([sent.code, sent.stdout]).toMatchObject([3, expect.stringContaining('(request_invalid)')])
})

test('a second start under the same id is refused', async () => {
  const { workflowId } = await waitingRun(child())
  const args = ['--by', 'b', '--request', '{}', '--force', '--task-queue', child().taskQueue]
  const { code, stderr } = await run('start', 'refund_request', '--id', workflowId, ...args)
  expect(stderr).toBe(
    `error: there is a run \`${workflowId}\` already\n` +
      '  help  There is a run with this workflow id; attach to it or choose another id.\n' +
      `  code  run_exists\n  docs  ${pageOf('run_exists')}\n`,
  )
  expect(code).toBe(1)
})

test('show tells what waits, for whom, until when, why, and the exact commands to answer', async () => {
  const { workflowId, pending, order } = await waitingRun(child())
  const { code, stdout } = await run('show', workflowId)
  expect(code).toBe(0)
  expect(stdout).toContain(`refund_request  ${workflowId}\nstate     blocked, waiting for approval\n`)
  expect(stdout).toContain('asked by  ana@acme.example, acme (development: nobody proved it)\n')
  expect(stdout).toContain('record exported to splunk\n')
  expect(stdout).toMatch(/waits {5}for 1 other than the requester, until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n/)
  expect(stdout).toContain(
    "because   refund_amount_usd is $120.00 (a model's word), at least $50.00 (requires_approval_if.refund_amount_usd_gte)\n",
  )
  expect(stdout).toMatch(
    /facts {5}refund_amount_usd \$120\.00 \(a model's word\)\n +refunded_total_usd \$120\.00 \(a model's word\)\n +customer_tier “standard”\n +reason “/,
  )
  expect(stdout).toContain(`changes   payment/${order.paymentId} refundable: $120.00 → $0.00\n`)
  for (const verb of ['approve', 'reject']) {
    const command = `countersign ${verb} ${workflowId} billing.refund-1 --digest ${pending.actionDigest} --by <you>`
    expect(stdout).toContain(command)
  }
})

test('the requester is refused with exit code 3; somebody else approves, and the money moves once', async () => {
  const { workflowId, pending, order } = await waitingRun(child())
  const by = (subject: string) => ['approve', workflowId, '--digest', pending.actionDigest, '--by', subject]
  const own = await run(...by('Ana@acme.example'))
  expect(own).toMatchObject({ code: 3, stdout: '' })
  expect(own.stderr).toBe(
    'refused: Ana@acme.example asked for this and cannot decide it\n' +
      '  help  Somebody other than those who asked for it has to decide.\n' +
      `  code  decision_by_requester\n  docs  ${pageOf('decision_by_requester')}\n`,
  )
  expect(await refunded(child(), order)).toBe(0)

  const { code, stdout } = await run(...by('ben@acme.example'), '--comment', 'photos seen', '--json')
  expect(JSON.parse(stdout)).toEqual({
    workflowId,
    step: 'billing.refund-1',
    decision: 'approve',
    accepted: true,
    message: 'ben@acme.example approves `billing.refund-1`',
  })
  expect(code).toBe(0)
  await until('the refund', async () => ((await refunded(child(), order)) === 12_000 ? true : undefined))
  const again = await run(...by('ben@acme.example'), 'billing.refund-1')
  expect(again).toMatchObject({ code: 3, stderr: expect.stringContaining('code  decision_already_made') })
})

test('a decision on another digest is refused with exit code 3, in JSON too', async () => {
  const { workflowId, order } = await waitingRun(child())
  const digest = `sha256:${'0'.repeat(64)}`
  const { code, stdout } = await run('approve', workflowId, '--digest', digest, '--by', 'ben@acme.example', '--json')
  expect(JSON.parse(stdout)).toMatchObject({ accepted: false, code: 'decision_wrong_digest' })
  expect(code).toBe(3)
  expect(await refunded(child(), order)).toBe(0)
})

test('without a digest the action is shown; off a terminal nothing is decided without --yes', async () => {
  const { workflowId, pending, order, handle } = await waitingRun(child())
  const asked = await run('reject', workflowId, '--by', 'ben@acme.example')
  expect(asked).toMatchObject({ code: 2, stdout: '' })
  expect(asked.stderr).toContain(`refund $120.00 of payment ${order.paymentId}\n`)
  expect(asked.stderr).toContain(`digest    ${pending.actionDigest}\n`)
  expect(asked.stderr).toContain('error: say which action you reject\n')
  expect((await handle.status()).state).toBe('blocked')

  const yes = await run('reject', workflowId, '--by', 'ben@acme.example', '--comment', 'not ours', '--yes')
  expect(yes).toMatchObject({ code: 0, stdout: 'ben@acme.example rejects `billing.refund-1`\n' })
  expect(yes.stderr).toContain(`digest    ${pending.actionDigest}\n`)
  expect(await resultOf(handle)).toMatchObject({
    state: 'refused',
    because: { code: 'approval_rejected', by: 'ben@acme.example' },
  })
  const late = await run('approve', workflowId, '--by', 'ben@acme.example', '--yes')
  expect(late).toMatchObject({ code: 3, stderr: closedSays('refused', 'There is nothing left to decide.') })
})

test('a completed run is not cancelled but undone, and a closed run is still shown', async () => {
  const { workflowId, pending, order, handle } = await waitingRun(child())
  const undo = ['undo', workflowId, '--by', 'olga@acme.example', '--comment', 'wrong customer']
  const early = await run(...undo)
  expect(early).toMatchObject({ code: 3, stderr: expect.stringContaining('code  undo_not_completed') })
  await run('approve', workflowId, '--digest', pending.actionDigest, '--by', 'ben@acme.example')
  expect(await resultOf(handle)).toMatchObject({ state: 'completed' })

  const cancel = await run('cancel', workflowId)
  expect(cancel).toMatchObject({ code: 3, stdout: '' })
  expect(cancel.stderr).toContain(`help  Undo it: countersign undo ${workflowId} --by <you>\n`)
  const undone = await run(...undo, '--wait')
  expect(undone.stdout).toContain('ended     reverted\n')
  expect(undone.code).toBe(0)
  expect(await refunded(child(), order)).toBe(0)
  const page = await run('show', workflowId)
  expect(page.stdout).toContain('state     reverted\n')
  expect(page.stdout).toMatch(/timeline \(UTC\)\n(?: {2}.*\n)+/)
  const by = ['--by', 'ben@acme.example']
  const digest = ['--digest', pending.actionDigest]
  for (const [words, help] of [
    [undo, 'There is nothing left to undo.'],
    [['approve', workflowId, ...digest, ...by], 'There is nothing left to decide.'],
    [['reject', workflowId, ...digest, ...by], 'There is nothing left to decide.'],
    [['change', workflowId, ...digest, ...by, '--input', '{}'], 'There is nothing left to decide.'],
    [['resolve', workflowId, 'billing.refund-1', '--as', 'retry', ...by], 'There is nothing left to resolve.'],
    [['cancel', workflowId], 'There is nothing left to cancel.'],
  ] as const) {
    expect(await run(...words)).toEqual({ code: 3, stdout: '', stderr: closedSays('reverted', help) })
  }
  const json = await run(...undo, '--json')
  expect(JSON.parse(json.stdout)).toEqual({
    workflowId,
    accepted: false,
    code: 'run_closed',
    message: 'the run is closed: it ended reverted',
  })
  expect(json.code).toBe(3)
})

test('cancel ends a run that waits, and nothing is left of it', async () => {
  const { workflowId, order, handle } = await waitingRun(child())
  const { code, stdout } = await run('cancel', workflowId, '--json')
  expect(JSON.parse(stdout)).toMatchObject({ workflowId, accepted: true })
  expect(code).toBe(0)
  expect(await resultOf(handle)).toMatchObject({ state: 'reverted', because: { code: 'cancelled' } })
  expect(await refunded(child(), order)).toBe(0)
})

test('a change with a part of the input says that it takes the whole, and changes nothing', async () => {
  const { workflowId, pending, order } = await waitingRun(child())
  const input = ['--input', '{"amount":{"currency":"USD","cents":100}}', '--digest', pending.actionDigest]
  const { code, stderr } = await run('change', workflowId, ...input, '--by', 'ben@acme.example')
  expect(stderr).toMatch(/^refused: .*`paymentId`/)
  expect(stderr).toContain(
    '  help  Give the whole input by --input, with every key that the contract of the tool wants, and not only what is to be another.\n' +
      '  code  decision_malformed\n',
  )
  expect(code).toBe(3)
  expect(await refunded(child(), order)).toBe(0)
})

test('resolve of a step without an incident is refused with exit code 3', async () => {
  const { workflowId } = await waitingRun(child())
  const args = ['resolve', workflowId, 'billing.refund-1', '--as', 'settled', '--by', 'olga@acme.example']
  const { code, stdout } = await run(...args, '--json')
  expect(JSON.parse(stdout)).toMatchObject({ accepted: false, code: 'resolve_unknown_step' })
  expect(code).toBe(3)
})

test('list finds runs by state, and says so on stderr when there is none', async () => {
  const { workflowId } = await waitingRun(child())
  const filter = ['--state', 'blocked', '--workspace', 'acme', '--limit', '1000']
  const found = await until('the run in the list', async () => {
    const { stdout } = await run('list', ...filter, '--json')
    const { runs } = JSON.parse(stdout) as { runs: readonly { workflowId: string }[] }
    return runs.find((one) => one.workflowId === workflowId)
  })
  expect(found).toMatchObject({
    state: 'blocked',
    waitingFor: 'approval',
    playbook: 'refund_request',
    workspace: 'acme',
  })
  const table = await run('list', ...filter)
  expect(table.stdout).toMatch(/^STATE +WAITS FOR +PLAYBOOK +WORKSPACE +STARTED +SPEND +WORKFLOW ID\n/)
  expect(table.stdout).toContain(workflowId)
  const none = await run('list', '--workspace', 'nobody')
  expect(none).toEqual({ code: 0, stdout: '', stderr: 'No run matches.\n' })
})

test('without a worker, start warns and show says so and falls back to what Temporal knows', async () => {
  const { env } = child()
  const request = ['--request', '{}', '--force', '--task-queue', 'nobody-listens', '--json']
  const { stdout, stderr } = await countersign(['start', 'refund_request', '--by', 'ana', ...request], {
    env,
    cwd: folder(),
  })
  expect(stderr).toBe('No worker listens on the task queue `nobody-listens` now; the run waits until one does.\n')
  const { workflowId } = JSON.parse(stdout) as { workflowId: string }
  const page = await countersign(['show', workflowId, '--json'], { env, cwd: folder() })
  expect(page.stderr).toContain('No worker answered within 5 seconds')
  expect(JSON.parse(page.stdout)).toMatchObject({ answeredBy: 'visibility', status: null, summary: { workflowId } })
  expect(page.code).toBe(0)
})
