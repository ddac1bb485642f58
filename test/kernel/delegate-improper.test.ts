import { expect, test } from 'vitest'
import { newItem } from './box-world.ts'
import { DONE, type Proposed, useDelegations } from './delegating-world.ts'

const { boxes, work, shown, stepsOf } = useDelegations()

const IMPROPER: readonly (readonly [what: string, script: Proposed, said: string])[] = [
  ['a tool that the playbook lists and does not offer', { tool: 'box.burn', give: { item: 'x' } }, 'not offered'],
  ['a tool that nobody lists', { tool: 'box.steal', give: { item: 'x' } }, 'not offered'],
  ['an undo', { tool: 'box.put.undo', give: { item: 'x' } }, 'not offered'],
  ['an activity of the kernel', { tool: 'countersign.recall', give: { step: null } }, 'not offered'],
  ['a field that is fixed', { tool: 'box.pay', give: { item: 'x' } }, 'item'],
  ['a field that is unknown', { tool: 'box.put', give: { item: 'x', force: true } }, 'force'],
  ['a prototype', { tool: 'box.put', input: '{"item":"x","__proto__":{"force":true}}' }, '__proto__'],
  ['a value that is not among those to pick', { tool: 'box.look', give: { item: 'other', size: 0 } }, 'item'],
  ['a value of another type', { tool: 'box.put', give: { item: ['x'] } }, 'item'],
  ['a missing field', { tool: 'box.put' }, 'item'],
  ['what is no JSON', { tool: 'box.put', input: '{"item":"x"' }, 'not the text of a JSON object'],
  ['a list', { tool: 'box.put', input: '[]' }, 'expected object'],
  ['half a character', { tool: 'box.put', input: '{"item":"\\ud800"}' }, 'not the text of a JSON object'],
  ['nesting without end', { tool: 'box.put', input: '['.repeat(19_000) }, 'not the text of a JSON object'],
]

test.concurrent.for(IMPROPER)('%s is not run, and told to the model, which can mend it', async ([, improper, said]) => {
  const { item, run } = await work([improper, { tool: 'box.put', give: { item: 'proper' } }, DONE])
  expect(await run.outcome()).toMatchObject({ state: 'completed', effects: [{ step: 'box.put-1' }] })
  expect(shown.get(item)?.[1]?.steps).toMatchObject([{ became: 'not_run', result: expect.stringContaining(said) }])
  expect((await stepsOf(run)).map(({ id }) => id)).toEqual(['box.next-1', 'box.next-2', 'box.put-1', 'box.next-3'])
})

const TWICE = IMPROPER.filter((_, at) => at % 4 === 0)

test.concurrent.for(TWICE)(
  '%s, twice in a row, hands the case over and undoes what was done',
  async ([, improper, said]) => {
    const name = newItem()
    const { run } = await work([{ tool: 'box.put', give: { item: name } }, improper], {}, name)
    expect(await run.result()).toMatchObject({
      state: 'escalated',
      because: { code: 'proposal_invalid', message: expect.stringContaining(said) },
      effects: [{ step: 'box.put-1', state: 'undone' }],
    })
    expect(boxes.held(name)).toBe(0)
    expect((await run.status()).timeline).toContainEqual(
      expect.objectContaining({ kind: 'note', text: expect.stringContaining('what was not run') }),
    )
  },
)
