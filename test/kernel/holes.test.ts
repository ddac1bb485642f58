import { cp, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { failureOf } from '../../src/contract/failures.ts'
import type { Tool } from '../../src/contract/tool.ts'
import type { ToolImplementation } from '../../src/tools/implementation.ts'
import { createWorker } from '../../src/worker/worker.ts'
import type { PlaybookBundle } from '../../src/worker/bundle.ts'
import { bundleOf } from '../support/bundles.ts'
import { boxThinker, BOX_POLICIES, BOX_WORKFLOWS } from './box-world.ts'
import { newBoxes } from './boxes.ts'

let folder = ''
let bundle: PlaybookBundle
beforeAll(async () => {
  folder = await mkdtemp(join(await realpath(tmpdir()), 'countersign-holes-'))
  bundle = await bundleOf(BOX_WORKFLOWS)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** What a worker says instead of starting; neither Temporal nor the database may be needed to say it. */
async function refusalOf(settings: {
  readonly workflows?: string | PlaybookBundle
  readonly tools?: readonly ToolImplementation[]
  readonly policies?: string
}): Promise<{ readonly code: string; readonly message: string } | undefined> {
  const untouched = new Proxy(
    {},
    {
      get: (_, key) => {
        throw new Error(`touched ${String(key)}`)
      },
    },
  ) as never
  const error = await createWorker({
    connection: untouched,
    workflows: bundle,
    tools: newBoxes().tools,
    policies: BOX_POLICIES,
    thinker: boxThinker,
    db: untouched,
    key: untouched,
    ...settings,
  }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  return failureOf(error) ?? { code: 'untyped', message: String(error) }
}

/** Where a file of the project is, as seen from the folder of the tests. */
const from = (path: string) => relative(folder, join(import.meta.dirname, '..', '..', path))

/** A workflows file with one playbook, whose tool or contract is twisted by an expression. */
async function workflowsWith(name: string, twist: string): Promise<string> {
  const file = join(folder, `${name.replaceAll(/[^a-z]/gi, '-')}.ts`)
  await writeFile(
    file,
    `import { playbook } from '${from('workflows/kernel/index.ts')}'
import { look, pay, guess } from '${from('test/kernel/contracts.ts')}'
import { chain } from '${from('test/kernel/playbooks.ts')}'
const plain = { ...chain.contract, name: 'holes', tools: [look, pay], thoughts: [guess] }
const without = (object, key) => Object.fromEntries(Object.entries(object).filter(([name]) => name !== key))
const body = async () => {}
${twist}
`,
  )
  return file
}
const contractWith = (twist: string) => `export const holes = playbook(${twist}, body)`

const COMMON = ['title', 'input', 'output', 'scopes', 'risk', 'startToCloseMs', 'retry', 'nonRetryable', 'evidence']
const WRITE = [
  'reversibility',
  'idempotency',
  'keyWindowMs',
  'needs',
  'declares',
  'facts',
  'supports',
  'describe',
  'undo',
  'kind',
  'name',
]
const THOUGHT = [
  'title',
  'role',
  'version',
  'input',
  'output',
  'instructions',
  'prompt',
  'maxOutputTokens',
  'startToCloseMs',
  'retry',
]

test.for([...COMMON, ...WRITE])('a write without `%s` stops the worker, and the message names it', async (field) => {
  const twist = contractWith(`{ ...plain, tools: [look, without(pay, '${field}')] }`)
  const refusal = await refusalOf({ workflows: await workflowsWith(`write-${field}`, twist) })
  expect(refusal).toMatchObject({ code: 'contract_incomplete', message: expect.stringContaining(field) })
})

test.for([...COMMON, 'local', 'reversibility', 'kind'])('a read without `%s` stops the worker', async (field) => {
  const twist = contractWith(`{ ...plain, tools: [without(look, '${field}')] }`)
  const refusal = await refusalOf({ workflows: await workflowsWith(`read-${field}`, twist) })
  expect(refusal).toMatchObject({ code: 'contract_incomplete', message: expect.stringContaining(field) })
})

test.for(THOUGHT)('a thought without `%s` stops the worker', async (field) => {
  const twist = contractWith(`{ ...plain, thoughts: [without(guess, '${field}')] }`)
  const refusal = await refusalOf({ workflows: await workflowsWith(`thought-${field}`, twist) })
  expect(refusal).toMatchObject({
    code: 'contract_incomplete',
    message: expect.stringContaining(`box.guess: ${field}`),
  })
})

test.for([
  ['version', 'version: 0'],
  ['version', 'version: 1.5'],
  ['output', 'output: z.date()'],
  ['output', 'output: z.strictObject({ at: z.date() })'],
  ['output', 'output: z.string()'],
  ['output', 'output: z.union([z.object({ a: z.string() }), z.object({ b: z.string() })])'],
] as const)('a thought with a wrong `%s` stops the worker: %s', async ([field, wrong]) => {
  const twist = contractWith(`{ ...plain, thoughts: [{ ...guess, ${wrong} }] }`)
  const name = `thought-${wrong.replaceAll(/[^a-z0-9]/gi, '')}`
  const refusal = await refusalOf({
    workflows: await workflowsWith(name, `import { z } from '${from('node_modules/zod/index.js')}'\n${twist}`),
  })
  expect(refusal).toMatchObject({
    code: 'contract_incomplete',
    message: expect.stringContaining(`box.guess: ${field} (`),
  })
})

test.for([
  ['a playbook without a title', 'title', contractWith("without(plain, 'title')")],
  ['a playbook without a request', 'request', contractWith("without(plain, 'request')")],
  ['a playbook without tools', 'tools', contractWith("without(plain, 'tools')")],
  ['a playbook without thoughts', 'thoughts', contractWith("without(plain, 'thoughts')")],
  ['a business key that is no function', 'businessKey', contractWith("{ ...plain, businessKey: 'order' }")],
  [
    'a fact that nobody is said to have told',
    'declares.amount',
    contractWith("{ ...plain, tools: [look, { ...pay, declares: { amount: { type: 'text', trust: 'somebody' } } }] }"),
  ],
  ['a playbook under another name', 'exported as `other`', 'export const other = playbook(plain, body)'],
  ['a workflow of its own making', 'was not made with', 'export async function holes() {}'],
  [
    'a file that reads files',
    'a-file-that-reads-files.ts',
    `import { readFileSync } from 'node:fs'\nexport const holes = playbook(plain, () => readFileSync('x'))`,
  ],
  ['a file without a playbook', 'exports no playbook', 'export const nothing = 1'],
  [
    'retries without a cap',
    'maximumAttempts',
    contractWith('{ ...plain, tools: [look, { ...pay, retry: { initialIntervalMs: 1 } }] }'),
  ],
  [
    'a slow tool without a heartbeat',
    'heartbeatMs',
    contractWith('{ ...plain, tools: [look, { ...pay, startToCloseMs: 60_000 }] }'),
  ],
  ['a high risk that needs nothing', 'needs', contractWith('{ ...plain, tools: [look, { ...pay, needs: {} }] }')],
  [
    'a tool that is both needed and may be cited',
    'mayCite.box (in needs, too)',
    contractWith('{ ...plain, tools: [look, { ...pay, mayCite: { box: look } }] }'),
  ],
  [
    'an irreversible write with an undo',
    'undo',
    contractWith("{ ...plain, tools: [look, { ...pay, reversibility: 'irreversible' }] }"),
  ],
  [
    'a value of a read that it does not list',
    'value.of (a read that it lists)',
    contractWith('{ ...plain, tools: [], value: { of: look, is: () => undefined } }'),
  ],
  [
    'a value of a write',
    'value.of (a read that it lists)',
    contractWith('{ ...plain, value: { of: pay, is: () => undefined } }'),
  ],
  ['a value that nothing derives', 'value.is', contractWith('{ ...plain, value: { of: look } }')],
] as const)('%s stops the worker', async ([name, said, twist]) => {
  const refusal = await refusalOf({ workflows: await workflowsWith(name, twist) })
  expect(refusal).toMatchObject({ code: 'contract_incomplete', message: expect.stringContaining(said) })
})

test('two tools of one name in a playbook stop the worker', async () => {
  const chain = bundle.playbooks.get('chain')
  if (chain === undefined) throw new Error('there is no chain')
  const twice = { ...chain, tools: [...chain.tools, { ...chain.tools[0] } as Tool] }
  expect(await refusalOf({ workflows: { ...bundle, playbooks: new Map([['chain', twice]]) } })).toMatchObject({
    code: 'contract_incomplete',
    message: expect.stringContaining('box.look'),
  })
})

const { tools } = newBoxes()
const twisted = (name: string, twist: (tool: ToolImplementation) => object): readonly ToolImplementation[] =>
  tools.map((tool) => (tool.contract.name === name ? (twist(tool) as ToolImplementation) : tool))
const lacking = (name: string, part: string) => twisted(name, (tool) => ({ ...tool, [part]: undefined }))

test.for([
  ['no implementation', 'box.pay', tools.filter(({ contract }) => contract.name !== 'box.pay')],
  ['no execute', 'box.look` has a hole: execute', lacking('box.look', 'execute')],
  ['no preview', 'box.put` has a hole: preview', lacking('box.put', 'preview')],
  ['no undo', 'box.put` has a hole: undo', lacking('box.put', 'undo')],
  ['no probe', 'box.send` has a hole: probe', lacking('box.send', 'probe')],
  [
    'a probe that its contract does not speak of',
    'box.drop',
    twisted('box.drop', (it) => ({ ...it, probe: () => null })),
  ],
  ['an undo of what cannot be undone', 'box.burn', twisted('box.burn', (it) => ({ ...it, undo: () => '' }))],
  ['another contract', 'box.put', twisted('box.put', (it) => ({ ...it, contract: { ...it.contract } }))],
  ['two implementations', 'two implementations of `box.look`', [...tools, ...tools.slice(0, 1)]],
] as const)('a tool with %s stops the worker', async ([, said, given]) => {
  expect(await refusalOf({ tools: given })).toMatchObject({
    code: 'contract_incomplete',
    message: expect.stringContaining(said),
  })
})

test.for([
  ['a folder without', 'policy_not_found', undefined],
  ['an invalid', 'policy_invalid', 'workflow: chain\ndeny_if:\n  itm_eq: x\n'],
  ['somebody else’s', 'policy_invalid', 'workflow: loops\n'],
  ['an empty', 'policy_invalid', ''],
] as const)('%s policy stops the worker, and the message names the file', async ([name, code, text]) => {
  const policies = join(folder, `policies-${name.slice(0, 4)}`)
  await cp(BOX_POLICIES, policies, { recursive: true })
  const file = join(policies, 'chain.yaml')
  if (text === undefined) await rm(file)
  else await writeFile(file, text)
  expect(await refusalOf({ policies })).toMatchObject({ code, message: expect.stringContaining('chain.yaml') })
})
