import { expect, test } from 'vitest'
import { nodeProblem } from '../../src/cli/node-version.ts'
import { countersign, useFolder } from './cli.ts'

const folder = useFolder()
const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}, stdin = '') =>
  countersign(args, { cwd: folder(), env, stdin })

const START = ['start', 'refund_request', '--by', 'ana@acme.example']

/** What is wrong, the arguments, and what stands on stderr. */
const MISUSED: readonly (readonly [string, readonly string[], string])[] = [
  ['no command', [], 'Usage: countersign [options] [command]'],
  [
    'an unknown command',
    ['aprove'],
    "error: unknown command 'aprove'\n(Did you mean approve?)\n  help  countersign --help\n",
  ],
  [
    'half a duration',
    ['policy', 'backtest', 'p.yaml', '--since', 'yesterday'],
    '\n  help  countersign policy backtest --help\n',
  ],
  ['an unknown option', ['list', '--stat', 'blocked'], "error: unknown option '--stat'"],
  ['an extra argument', ['list', 'everything'], 'error: too many arguments'],
  ['no request', ['start', 'refund_request'], 'error: give the request by --request or by --request-file'],
  ['an unknown word for a statement', ['statement', '{"kind":"say"}'], 'error: this cannot be said'],
  ['a time that is none', ['delegate', '--to', 'ben', '--group', 'g', '--until', 'soon'], 'It must be a time such as'],
  ['no address of a gateway', ['whoami', '--gateway', 'ftp://x'], "error: unknown option '--gateway'"],
  ['a blank --by', ['undo', 'x', '--by', ' '], 'It must not be blank.'],
  ['no workflow id', ['show'], "error: missing required argument 'id'"],
  ['an unknown state', ['list', '--state', 'waiting'], 'Allowed choices are pending, in_progress, blocked, completed'],
  ['a limit of nothing', ['list', '--limit', '0'], 'It must be a whole number from 1 to 1000.'],
  ['half a digest', ['approve', 'x', '--by', 'b', '--digest', 'sha256:12'], 'It must be `sha256:` and 64 hex digits.'],
  [
    'a deployment with a dot in its name',
    ['versions', '--deployment', 'a.b'],
    'It must be 1 to 200 letters, digits, `-`, `_` and `/`.',
  ],
  ['more than all new runs', ['rollout', '--percent', '101'], 'It must be a whole number from 0 to 100.'],
  ['a version to end a ramp', ['rollout', '0.1.0-a', '--percent', '0'], '`--percent 0` takes no version'],
  [
    'an address without a port',
    ['worker', '--health-address', 'here'],
    'It must be a host and a port, such as 0.0.0.0:9464',
  ],
  ['a grace of a day', ['worker', '--grace', '86400'], 'It must be a whole number from 0 to 3600.'],
  ['one workflow task', ['worker', '--max-workflow-tasks', '1'], 'It must be a whole number from 2 to 10000.'],
  [
    'more pollers than activities',
    ['worker', '--max-activities', '5', '--activity-pollers', '6'],
    'error: activityPollers is 6, more than the 5 of maxActivities\n',
  ],
  [
    'more pollers than workflow tasks',
    ['worker', '--workflow-task-pollers', '41'],
    'error: workflowTaskPollers is 41, more than the 40 of maxWorkflowTasks\n',
  ],
  ['an unknown log format', ['worker', '--log-format', 'xml'], 'Allowed choices are text, json.'],
  ['no resolution', ['resolve', 'x', 'step', '--by', 'b'], "error: required option '--as <resolution>' not specified"],
  ['a group without its command', ['policy'], 'Usage: countersign policy [options] [command]'],
  ['no playbook name', ['start', 'Refund!', '--by', 'a'], 'A playbook is named like refund_request.'],
  ['no request', START, 'error: give the request by --request or by --request-file'],
  [
    'two requests',
    [...START, '--request', '{}', '--request-file', 'r.json'],
    'give the request by --request or by --request-file',
  ],
  ['a request that is no JSON', [...START, '--request', '{orderId: 1}'], 'error: --request is not JSON: '],
  ['a request that is no object', [...START, '--request', '[]'], 'error: --request is not a JSON object\n'],
  ['no request file', [...START, '--request-file', 'none.json'], 'error: `none.json` cannot be read: ENOENT\n'],
]

test.concurrent.each(MISUSED)('%s is a usage error: exit code 2, nothing on stdout', async (_what, args, said) => {
  const { code, stdout, stderr } = await run(args)
  expect(stderr).toContain(said)
  expect(stdout).toBe('')
  expect(code).toBe(2)
})

test('a request that is no JSON on stdin is a usage error', async () => {
  const { code, stderr } = await run([...START, '--request', '-'], {}, 'no')
  expect(stderr).toContain('error: --request is not JSON: ')
  expect(code).toBe(2)
})

test('--help and --version answer on stdout with exit code 0', async () => {
  const help = await run(['--help'])
  expect(help).toMatchObject({ code: 0, stderr: '' })
  expect(help.stdout).toContain('Usage: countersign [options] [command]')
  expect(help.stdout).toContain('Exit codes: 0 yes, 1 could not run, 2 usage, 3 ran and the answer is no.')
  for (const args of [
    ['start', '--help'],
    ['help', 'start'],
  ]) {
    const { code, stdout } = await run(args)
    expect(stdout).toContain('--on-behalf-of <subject>')
    expect(code).toBe(0)
  }
  expect(await run(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
})

test('without a Temporal the error says where it was looked for and how to start one', async () => {
  const { code, stdout, stderr } = await run(['list', '--json'])
  expect(stderr).toBe(
    'error: There is no Temporal to talk to: TEMPORAL_ADDRESS is not set, no profile names one, and no stack runs in ' +
      '`.countersign`.\n' +
      '  help  Start one with `countersign dev` in this folder, or set TEMPORAL_ADDRESS.\n' +
      '  code  temporal_not_configured\n',
  )
  expect(stdout).toBe('')
  expect(code).toBe(1)
})

test('a Temporal that does not answer is named with its address and who named it, without a stack trace', async () => {
  const { code, stderr } = await run(['show', 'refund-1'], { TEMPORAL_ADDRESS: '127.0.0.1:1' })
  expect(stderr).toBe(
    'error: No Temporal answers at 127.0.0.1:1, which TEMPORAL_ADDRESS names.\n' +
      '  help  Start it, or correct the address. ' +
      'For a development server of your own: unset it and run `countersign dev`.\n' +
      '  code  temporal_unreachable\n',
  )
  expect(code).toBe(1)
})

test('--verbose adds the stack and what caused the error', async () => {
  const { code, stderr } = await run(['show', 'refund-1', '--verbose'], { TEMPORAL_PROFILE: 'nowhere' })
  expect(stderr).toContain("error: Temporal's configuration cannot be used: Profile 'nowhere' not found")
  expect(stderr).toMatch(/\n {4}at /)
  expect(code).toBe(1)
})

test('there is no colour off a terminal, unless FORCE_COLOR asks for it', async () => {
  expect((await run(['list'])).stderr).toMatch(/^error: /)
  expect((await run(['list'], { FORCE_COLOR: '1' })).stderr).toContain('\u001B[31merror:')
})

test('a Node older than 22.18 is refused with what to do, a later one is not', () => {
  expect(nodeProblem('22.17.1')).toBe(
    'error: countersign needs Node 22.18 or later, and this is Node 22.17.1\n' +
      '  help  install a current Node, for example with your version manager\n' +
      '  code  node_too_old\n',
  )
  expect(nodeProblem('20.19.0')).toContain('node_too_old')
  expect(nodeProblem('22.18.0')).toBeUndefined()
  expect(nodeProblem('24.0.0')).toBeUndefined()
})

test('a variable of the worker that cannot be is a usage error that names it', async () => {
  const { code, stderr } = await run(['worker'], { COUNTERSIGN_DATABASE_POOL: 'many' })
  expect(stderr).toContain("value 'many' from env 'COUNTERSIGN_DATABASE_POOL' is invalid. It must be a whole number")
  expect(code).toBe(2)
})
