import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { codeOf } from '../../src/contract/failures.ts'
import { pendingOf } from '../support/refunds.ts'
import { until } from '../support/world.ts'
import { newItem } from './box-world.ts'
import { incidentsOf, useHostile } from './hostile-world.ts'

const { world, boxes, log, open, start } = useHostile()
const principal = { subject: 'ana', workspace: 'boxes' }

test.concurrent.for([
  ['the first one first', ['box.put-1', 'box.put-2']],
  ['the last one first', ['box.put-2', 'box.put-1']],
] as const)('two stuck compensations are both seen, and settled %s', async ([, order]) => {
  const item = newItem()
  boxes.scriptUndo(item, 'refuse')
  boxes.scriptUndo(`${item}/2`, 'refuse')
  const run = await start('ends', { item, does: 'put two' })
  await run.outcome()
  await run.undo({ by: 'olga' })
  const incidents = await incidentsOf(run, 2)
  expect(new Set(incidents.map(({ step }) => step))).toEqual(new Set(order))
  const [first, second] = order
  expect(await run.resolve({ step: first, resolution: 'settled', by: 'olga' })).toMatchObject({ accepted: true })
  expect(await incidentsOf(run)).toMatchObject([{ step: second }])
  expect(await run.status()).toMatchObject({ state: 'blocked', waitingFor: 'incident' })
  expect(await run.resolve({ step: second, resolution: 'retry', by: 'olga' })).toMatchObject({ accepted: true })
  const { state, effects } = await run.result()
  expect(state).toBe('reverted')
  expect(Object.fromEntries(effects.map((effect) => [effect.step, effect.state]))).toEqual({
    [first]: 'settled',
    [second]: 'undone',
  })
})

test.concurrent('the outcome of a run whose undo is stuck is what becomes of it', async () => {
  const item = newItem()
  boxes.scriptUndo(item, 'refuse')
  const run = await start('ends', { item, does: 'put' })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  await run.undo({ by: 'olga' })
  await incidentsOf(run)
  const asked = [
    run.outcome(),
    world().client.execute('ends', { item, does: 'put' }, { principal, workflowId: run.workflowId }),
  ]
  await run.resolve({ step: 'box.put-1', resolution: 'settled', by: 'olga' })
  expect((await Promise.all(asked)).map(({ state }) => state)).toEqual(['reverted', 'reverted'])
})

test.concurrent('the outcome of a run whose undo has begun is what becomes of it', async () => {
  const item = newItem()
  const run = await start('odds', { item, tool: 'odd', mode: 'undo waits' })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await run.undo({ by: 'olga' })).toMatchObject({ accepted: true })
  expect(log).not.toContain(`undo odd ${item}`)
  const asked = run.outcome()
  // The tool is not let go before an answer that does not wait for it would be here.
  for (let times = 1; times <= 10; times++) expect((await run.status()).effects[1]).toMatchObject({ state: 'done' })
  open()
  expect(await asked).toMatchObject({ state: 'reverted', effects: [{ state: 'undone' }, { state: 'undone' }] })
})

test.concurrent('an id under which something else was started is not attached to', async () => {
  const item = newItem()
  const other = newItem()
  const run = await start('ends', { item, does: 'put' })
  const { workflowId } = run
  const execute = (playbook: string, request: object, by = principal) =>
    world()
      .client.execute(playbook, request, { principal: by, workflowId })
      .then(({ state }) => state as string, codeOf)
  expect(await execute('ends', { item, does: 'put' })).toBe('completed')
  expect(await execute('ends', { item: other, does: 'put' })).toBe('run_exists')
  expect(await execute('ends', { item, does: 'put' }, { subject: 'mallory', workspace: 'boxes' })).toBe('run_exists')
  expect(await execute('picky', { item, url: 'https://a.example' })).toBe('run_exists')
  await run.undo({ by: 'olga' })
  await run.result()
  expect(await execute('ends', { item: other, does: 'put' })).toBe('run_exists')
  expect(boxes.held(other)).toBe(0)
  expect(boxes.asked(item)).toHaveLength(1)
})

test.concurrent.for(["\\' OR 1=1 -- ", '\\\' OR CountersignSpendMicroUsd >= 0 OR CountersignState = "', "x\0' OR 1=1"])(
  'a search for the workspace %j is refused',
  async (workspace) => {
    expect(await world().client.list({ workspace }).then(String, codeOf)).toBe('request_invalid')
  },
)

test.concurrent('a quote in a searched workspace is a quote', async () => {
  const workspace = `o'neil-${newItem()}' OR CountersignPlaybook = 'ends`
  const run = await start('ends', { item: newItem(), does: 'put' }, { principal: { subject: 'ana', workspace } })
  await run.outcome()
  const found = await until('the run of the workspace', async () => {
    const runs = await world().client.list({ workspace })
    return runs.length === 0 ? undefined : runs
  })
  expect(found.map((one) => one.workflowId)).toEqual([run.workflowId])
})

const detailsOf = async (workflowId: string): Promise<string> => {
  const handle = world().temporal.workflow.getHandle(workflowId)
  return (await handle.query<{ readonly currentDetails: string }>('__temporal_workflow_metadata')).currentDetails
}

/** The words of a command in the details, as a shell reads them. */
const wordsOf = (command: string): readonly string[] =>
  execFileSync('sh', ['-c', `countersign() { printf '%s\\n' "$@"; }; you=you; ${command.replace('<you>', 'you')}`], {
    encoding: 'utf8',
  })
    .trimEnd()
    .split('\n')

test.concurrent.for(['$(exit 3)', "a'; exit 3; '", '`exit 3`', 'a b/c|d', '*'])(
  'the workflow id %j is one word of the command that people are shown',
  async (odd) => {
    const workflowId = `${newItem()} ${odd}`
    const run = await start('ends', { item: newItem(), does: 'ask' }, { workflowId })
    const { actionDigest } = await pendingOf(run)
    const details = await detailsOf(workflowId)
    const commands = details.match(/^countersign approve(?:.*\\\n)*.*/gm) ?? []
    expect(commands.map(wordsOf)).toEqual([
      ['approve', workflowId, 'box.put-2', '--digest', actionDigest, '--by', 'you'],
    ])
  },
)

test.concurrent('a workflow id with Markdown in it writes no line of the page', async () => {
  const workflowId = `${newItem()}\n\n### Approved\n\n    countersign approve other --by you\n`
  const run = await start('ends', { item: newItem(), does: 'ask' }, { workflowId })
  await pendingOf(run)
  const lines = (await detailsOf(workflowId)).split('\n')
  expect(lines.filter((line) => /^#+ Approved|^ *countersign approve other/.test(line))).toEqual([])
  expect(lines.filter((line) => line.includes('### Approved'))).toHaveLength(2)
})

test.concurrent('a workflow id with Markdown in it writes no line of the static details', async () => {
  const workflowId = `${newItem()}\n\n### Approved\n\n    countersign approve other --by you\n`
  await start('ends', { item: newItem(), does: 'put' }, { workflowId })
  const { staticDetails } = await world().temporal.workflow.getHandle(workflowId).describe()
  const lines = ((await staticDetails()) ?? '').split('\n')
  expect(lines.filter((line) => /^#+ Approved|^ +countersign approve/.test(line))).toEqual([])
})
