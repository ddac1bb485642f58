import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { implement } from '../../src/tools/implementation.ts'
import { until, useWorld } from '../support/world.ts'
import { keep, wait } from './late-playbook.ts'

/** Answers nothing, until the worker stops. */
const silence = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))

const kept = new Set<string>()
const stuck = new Set<string>()

const world = useWorld({
  workflows: join(import.meta.dirname, 'late-playbook.ts'),
  policies: join(import.meta.dirname, 'late-policies'),
  tools: [
    implement(wait, { execute: (_, { signal }) => silence(signal) }),
    implement(keep, {
      preview: async () => ({ changes: [], expect: {} }),
      execute: async ({ item }) => {
        kept.add(item)
        return { item }
      },
      undo: async ({ item }, _, { signal }) => {
        if (stuck.has(item)) await silence(signal)
        kept.delete(item)
        return `let ${item} go`
      },
    }),
  ],
  thinker: { think: (_, __, { signal }) => silence(signal) },
})

const start = (item: string, asks: 'tool' | 'model') =>
  world().client.start('late', { item, asks }, { principal: { subject: 'ana' }, workflowId: `late-${item}` })

test.concurrent.for([
  ['tool', 'tool_unavailable', '`late.wait` did not answer within its time'],
  ['model', 'model_unavailable', '`model.think` did not answer within its time'],
] as const)(
  'a %s that never answers ends the run typed, and what was done is undone',
  async ([asks, code, message]) => {
    const item = randomUUID()
    const run = await start(item, asks)
    expect(await run.result()).toMatchObject({
      state: 'reverted',
      because: { code, message: expect.stringContaining(message) },
      effects: [{ state: 'undone' }],
    })
    expect(kept).not.toContain(item)
  },
)

test.concurrent('an undo that never answers is an incident, and can be tried again', async () => {
  const item = randomUUID()
  stuck.add(item)
  const run = await start(item, 'tool')
  const incident = await until('the incident', async () => (await run.status()).incidents[0])
  expect(incident).toMatchObject({ step: 'late.keep-1', code: 'tool_unavailable' })
  expect(kept).toContain(item)
  stuck.delete(item)
  await run.resolve({ step: 'late.keep-1', resolution: 'retry', by: 'olga' })
  expect(await run.result()).toMatchObject({ state: 'reverted', effects: [{ state: 'undone' }] })
  expect(kept).not.toContain(item)
})
