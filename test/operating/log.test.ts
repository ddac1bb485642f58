import { expect, test } from 'vitest'
import { countersign, useFolder } from '../cli/cli.ts'
import { useWorkerChild } from '../cli/worker-child.ts'
import { until } from '../support/world.ts'
import { bookOf, SHOP } from './shop.ts'

const folder = useFolder()
const child = useWorkerChild(folder, {
  args: ['--config', SHOP],
  // As off a terminal, when nobody names a format; with everything that is to be had.
  env: () => ({ SHOP_BOOK: bookOf(folder()).path, COUNTERSIGN_LOG_FORMAT: 'json', COUNTERSIGN_LOG_LEVEL: 'debug' }),
})
const PLANTED = 'sesame-4711'

interface Line {
  readonly level: string
  readonly time: string
  readonly msg: string
  readonly [field: string]: unknown
}

const lines = (text = child().worker.stderr()): readonly Line[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)

const line = (what: string, matches: (line: Line) => boolean) =>
  until(what, () => Promise.resolve(lines().find(matches)))

test('every line is JSON and says level, time and words; what a worker says at its start is there', () => {
  for (const each of lines()) {
    expect(['debug', 'info', 'warn']).toContain(each.level)
    expect(new Date(each.time).toISOString()).toBe(each.time)
    expect(each.msg).not.toBe('')
  }
  expect(lines().map(({ msg }) => msg)).toContainEqual(expect.stringMatching(/^ready {2}Temporal /))
})

test('what a request, a tool, a playbook and a failure say is in no line, and each attempt is one with its code', async () => {
  const workflowId = `gossips-${child().taskQueue}`
  const args = ['start', 'gossips', '--by', 'ana', '--id', workflowId, '--task-queue', child().taskQueue, '--wait']
  const ran = await child().run([...args, '--request', JSON.stringify({ word: PLANTED }), '--json'])
  expect(JSON.parse(ran.stdout)).toMatchObject({ result: { state: 'reverted' } })
  // It was everywhere else: in the result, and in the book.
  expect(ran.stdout).toContain(PLANTED)
  expect(await bookOf(folder()).read()).toContain(`done ${PLANTED}`)

  const about = { workflowId, playbook: 'gossips', msg: 'step ended', durationMs: expect.any(Number) }
  const gossip = {
    ...about,
    activityType: 'shop.gossip',
    step: 'shop.gossip-1',
    runId: expect.any(String),
    local: false,
  }
  expect(await line('a failed attempt', ({ code }) => code === 'tool_threw')).toMatchObject({
    ...gossip,
    level: 'warn',
    attempt: 1,
  })
  expect(
    await line('the next', ({ activityType, code }) => activityType === 'shop.gossip' && code === 'ok'),
  ).toMatchObject({ ...gossip, level: 'info', attempt: 2 })
  expect(await line('a thought', ({ activityType }) => activityType === 'shop.muse')).toMatchObject({
    ...about,
    level: 'debug',
    step: 'shop.muse-1',
    local: true,
  })
  expect(await line('an undo', ({ activityType }) => activityType === 'shop.wait.undo')).toMatchObject({ code: 'ok' })
  // Temporal's own log of the same: who and where, and no words of theirs.
  expect(await line('the log of the tool', ({ sdkComponent }) => sdkComponent === 'activity')).toMatchObject({
    from: 'temporal',
    activityType: 'shop.gossip',
    msg: 'own words, not repeated',
    workflowId,
  })
  await line('the log of the playbook', ({ sdkComponent }) => sdkComponent === 'workflow')
  await line('the failure', ({ from, code }) => from === 'temporal' && code === 'tool_threw')
  expect(child().worker.stderr()).not.toContain(PLANTED)
})

test('a worker that cannot start says so in one fatal line with code and help', async () => {
  const env = { ...child().env, DATABASE_URL: 'postgres://ana:hunter2@127.0.0.1:1/ledger' }
  const { code, stdout, stderr } = await countersign(['worker', '--config', SHOP], { env, cwd: folder() })
  expect(lines(stderr).at(-1)).toMatchObject({
    level: 'fatal',
    code: 'database_unreachable',
    help: expect.stringContaining('Start it, or correct the URL.'),
  })
  expect(stderr).not.toContain('hunter2')
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
})

test('without a format named, what is no terminal gets JSON', async () => {
  const options = { cwd: folder(), unset: ['COUNTERSIGN_LOG_FORMAT'] }
  const { stderr } = await countersign(['worker', '--config', 'none.ts'], options)
  expect(lines(stderr).at(-1)).toMatchObject({ level: 'fatal', code: 'config_invalid' })
})
