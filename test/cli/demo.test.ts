import { Client, Connection } from '@temporalio/client'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { countersign, inBackground, useFolder } from './cli.ts'

const folder = useFolder()

interface DemoOutput {
  readonly ok: boolean
  readonly runs: readonly {
    readonly name: string
    readonly workflowId: string
    readonly link: string
    readonly ended: { readonly state: string; readonly movedCents: number }
    readonly refunds: readonly { readonly status: string }[]
    readonly because: { readonly code: string } | null
  }[]
  readonly answers: { readonly evidence: string; readonly rule: string; readonly undo: string }
}

test('the demo ends with the seven ends, tells what moved, and leaves nothing behind', async () => {
  // What is configured for the real thing is not touched: this database does not even exist.
  const env = { TMPDIR: folder(), DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }
  const { code, stdout, stderr } = await countersign(['demo', '--json'], { cwd: folder(), env })
  expect(stderr).toContain('7 of 7 requests ended as expected, in ')
  const { ok, runs, answers } = JSON.parse(stdout) as DemoOutput
  const ends = runs.map(({ name, ended, because, refunds }) => [
    name,
    ended.state,
    because?.code ?? null,
    ended.movedCents,
    refunds.map(({ status }) => status).join(),
  ])
  expect(ends).toEqual([
    ['small', 'completed', null, 2000, 'pending'],
    ['large', 'completed', null, 12_000, 'pending'],
    ['fraud', 'refused', 'denied_by_policy', 0, ''],
    ['enterprise', 'refused', 'approval_rejected', 0, ''],
    ['closed-ticket', 'reverted', 'precondition_failed', 0, 'voided'],
    ['undo', 'reverted', 'undo_requested', 0, 'voided'],
    ['many-parcels', 'escalated', 'tool_budget_exceeded', 0, ''],
  ])
  for (const { link, workflowId } of runs) {
    expect(link).toMatch(
      new RegExp(
        `^http://127\\.0\\.0\\.1:\\d+/namespaces/default/workflows/${workflowId}/[0-9a-f-]{36}/user-metadata$`,
      ),
    )
  }
  expect(answers.evidence).toContain('record order/ord_1002')
  expect(answers.rule).toContain('requires_approval_if.refund_amount_usd_gte')
  expect(answers.rule).toContain('approved by ben@acme.example')
  expect(answers.undo).toContain(
    'void the refund, as long as it has not settled, within 30 minutes of its end: countersign undo',
  )
  expect(stderr).toContain(
    'refused: ana@acme.example asked for this and cannot decide it  (decision_by_requester, exit code 3)',
  )
  expect(ok).toBe(true)
  expect(code).toBe(0)
  expect((await readdir(folder())).filter((name) => name.startsWith('countersign-demo-'))).toEqual([])
})

test('--keep leaves it running for other terminals until SIGINT, and the printed commands reach it', async () => {
  const stateDir = join(folder(), 'kept')
  const env = { NO_COLOR: '1' }
  const demo = inBackground(['demo', '--keep', '--state-dir', stateDir], { cwd: folder(), env })
  await demo.says('Everything stays up until Ctrl-C.')
  await demo.says(`countersign list --state-dir ${stateDir}\n`)
  const list = await countersign(['list', '--state-dir', stateDir, '--state', 'completed'], { cwd: folder() })
  expect(list.stdout).toContain('-small\n')
  expect(list.stdout).toContain('-large\n')
  expect(list.code).toBe(0)
  const [, workflowId = ''] = /(demo-\S+-large)\n/.exec(list.stdout) ?? []
  const undo = await countersign(['undo', workflowId, '--by', 'olga', '--wait', '--state-dir', stateDir], {
    cwd: folder(),
  })
  expect(undo.stdout).toContain('ended     reverted\n')
  expect(undo.code).toBe(0)
  demo.signal('SIGINT')
  const { code, stdout } = await demo.ended
  expect(stdout).toMatch(
    /^ +REQUEST +EXPECTED +ENDED +MONEY MOVED\n1 {2}\$20\.00, below every threshold +completed +completed +\$20\.00\n/,
  )
  expect(stdout).toContain('which evidence?')
  expect(code).toBe(0)
  const after = await countersign(['list', '--state-dir', stateDir], { cwd: folder() })
  expect(after.stderr).toContain('  code  temporal_not_configured\n')
})

test('on a Temporal that is configured, the demo takes its own task queue and leaves no run open', async () => {
  const env = { TMPDIR: folder(), TEMPORAL_ADDRESS: inject('temporalAddress') }
  const { code, stdout, stderr } = await countersign(['demo', '--json'], { cwd: folder(), env })
  expect(stderr).toContain(`Temporal  ${inject('temporalAddress')}, namespace default (TEMPORAL_ADDRESS)\n`)
  const { ok, runs } = JSON.parse(stdout) as DemoOutput
  expect(ok).toBe(true)
  expect(code).toBe(0)
  const connection = await Connection.connect({ address: inject('temporalAddress') })
  const { workflow } = new Client({ connection })
  for (const { workflowId } of runs) {
    expect((await workflow.getHandle(workflowId).describe()).status.name).not.toBe('RUNNING')
  }
  await connection.close()
})
