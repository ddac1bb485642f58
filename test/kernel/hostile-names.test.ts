import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { failureOf } from '../../src/contract/failures.ts'
import { createWorker } from '../../src/worker/worker.ts'
import { boxThinker, BOX_POLICIES } from './box-world.ts'
import { newBoxes } from './boxes.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(await realpath(tmpdir()), 'countersign-names-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const from = (path: string) => relative(folder, join(import.meta.dirname, '..', '..', path))
const untouched = new Proxy(
  {},
  {
    get: (_, key) => {
      throw new Error(`touched ${String(key)}`)
    },
  },
) as never

test.for([
  ['a thought named like a read', 'box.look: name (used twice)', "[look, pay], [{ ...guess, name: 'box.look' }]"],
  ['a thought named like a write', 'box.pay: name (used twice)', "[look, pay], [{ ...guess, name: 'box.pay' }]"],
  ['two thoughts of one name', 'box.guess: name (used twice)', '[look], [guess, { ...guess }]'],
  ['a read named like the call of a model', 'model.think: name', "[{ ...look, name: 'model.think' }], []"],
  ['a read named like the opening of a run', 'countersign.openRun', "[{ ...look, name: 'countersign.openRun' }], []"],
  ['a read named like the ledger', 'countersign.recall', "[{ ...look, name: 'countersign.recall' }], []"],
  ['a read named like an undo', 'box.put.undo: name', "[put, { ...look, name: 'box.put.undo' }], []"],
  ['a write named like a preview', 'box.put.preview: name', "[put, { ...put, name: 'box.put.preview' }], []"],
  ['a thought named like an undo', 'box.guess.undo: name', "[put], [{ ...guess, name: 'box.guess.undo' }]"],
] as const)('%s stops the worker', async ([name, said, lists]) => {
  const workflows = join(folder, `${name.replaceAll(' ', '-')}.ts`)
  await writeFile(
    workflows,
    `import { playbook } from '${from('workflows/kernel/index.ts')}'
import { look, put, pay, guess } from '${from('test/kernel/contracts.ts')}'
import { chain } from '${from('test/kernel/playbooks.ts')}'
const listing = (tools, thoughts) => ({ ...chain.contract, name: 'names', tools, thoughts })
export const names = playbook(listing(${lists}), async () => {})
`,
  )
  const error = await createWorker({
    connection: untouched,
    workflows,
    tools: newBoxes().tools,
    policies: BOX_POLICIES,
    thinker: boxThinker,
    db: untouched,
    key: untouched,
  }).then(String, (thrown: unknown) => failureOf(thrown) ?? thrown)
  expect(error).toMatchObject({ code: 'contract_incomplete', message: expect.stringContaining(said) })
})
