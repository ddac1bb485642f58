import { expect, test } from 'vitest'
import { inputDigestOf } from '../../src/contract/action.ts'
import {
  bar,
  claim,
  complete,
  findEffect,
  markUndone,
  markUnknown,
  markFailed,
  takeOver,
} from '../../src/ledger/effects.ts'
import {
  codeOfFailed,
  expire,
  LEASE_MS,
  newStep,
  putting,
  resultOf,
  stateOf,
  untilOneWaits,
  useLedger,
} from './ledger-case.ts'

const ledger = useLedger()

/** Two attempts of one step, each in a transaction: the second starts while the first is under way, which then ends. */
async function race(first: 'commits' | 'rolls back') {
  const step = newStep()
  let executed = 0
  const attempt = (between?: () => Promise<void>) =>
    ledger()
      .transaction()
      .execute(async (tx) => {
        const mine = await claim(tx, step, null)
        if (!('fence' in mine)) return mine
        executed += 1
        await between?.()
        await complete(tx, step, mine, resultOf(`attempt ${executed}`))
        return mine
      })
  let second: ReturnType<typeof attempt> | undefined
  const one = attempt(async () => {
    second = attempt()
    await untilOneWaits(ledger())
    if (first === 'rolls back') throw new Error('the first attempt died')
  })
  return { step, first: await one.catch(String), second: await second, executed: () => executed }
}

test('of two attempts in transactions the second waits, sees what the first did and does nothing', async () => {
  const { step, first, second, executed } = await race('commits')
  expect(first).toEqual({ fence: 1, isCalm: true })
  expect(second).toMatchObject({ step: step.step, state: 'done', result: { output: { text: 'attempt 1' } } })
  expect(executed()).toBe(1)
})

test('of two attempts in transactions the second goes on when the first leaves nothing', async () => {
  const { step, first, second } = await race('rolls back')
  expect(first).toContain('the first attempt died')
  expect(second).toEqual({ fence: 1, isCalm: true })
  expect(await findEffect(ledger(), step)).toMatchObject({ state: 'done', result: { output: { text: 'attempt 2' } } })
})

test('a claim of a step that is under way tells so and claims nothing', async () => {
  const step = newStep()
  expect(await claim(ledger(), step, LEASE_MS)).toEqual({ fence: 1, isCalm: true })
  expect(await claim(ledger(), step, LEASE_MS)).toMatchObject({ step: step.step, state: 'claimed', result: null })
})

test.each([
  ['another input', (step: string) => putting(step, 'dog')],
  [
    'another tool',
    (step: string) => ({ ...putting(step), tool: 'box.send', inputDigest: inputDigestOf('box.send', {}) }),
  ],
])('a step that was claimed with one thing is in conflict with %s', async (_title, other) => {
  const step = newStep()
  await claim(ledger(), step, LEASE_MS)
  expect(await codeOfFailed(claim(ledger(), other(step.step), LEASE_MS))).toBe('effect_conflict')
  expect(await findEffect(ledger(), step)).toMatchObject({ tool: 'box.put', input: { item: 'cat' }, state: 'claimed' })
})

test('a step that fails between a claim and its look is claimed by who looks', async () => {
  const step = newStep()
  await claim(ledger(), step, LEASE_MS)
  const giver = ledger().withPlugin({
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      await markFailed(ledger(), step, { fence: 1 })
      return result
    },
  })
  expect(await claim(giver, step, LEASE_MS)).toEqual({ fence: 2 })
  expect(await stateOf(ledger(), step)).toBe('claimed')
})

test('a step that was undone is not claimed again, whatever its input', async () => {
  const step = newStep()
  await complete(ledger(), step, (await claim(ledger(), step, LEASE_MS)) as { fence: number }, resultOf('done'))
  await markUndone(ledger(), step, 'taken out')
  expect(await codeOfFailed(claim(ledger(), step, LEASE_MS))).toBe('effect_undone')
  expect(await codeOfFailed(claim(ledger(), putting(step.step, 'dog'), LEASE_MS))).toBe('effect_undone')
  expect(await stateOf(ledger(), step)).toBe('undone')
})

test('a step that was barred is never claimed, and barring it again says so', async () => {
  const step = newStep()
  expect(await bar(ledger(), step)).toBeUndefined()
  expect(await codeOfFailed(claim(ledger(), step, LEASE_MS))).toBe('effect_undone')
  expect(await codeOfFailed(takeOver(ledger(), step, LEASE_MS))).toBe('effect_in_flight')
  expect(await bar(ledger(), step)).toMatchObject({ step: step.step, state: 'barred' })
})

test('a step that was claimed cannot be barred: the answer is what the ledger has of it', async () => {
  const step = newStep()
  await claim(ledger(), step, LEASE_MS)
  expect(await bar(ledger(), step)).toMatchObject({ step: step.step, state: 'claimed', input: { item: 'cat' } })
  expect(await complete(ledger(), step, { fence: 1 }, resultOf('done'))).toBe(true)
  expect(await bar(ledger(), step)).toMatchObject({ state: 'done', result: { output: { text: 'done' } } })
})

test('a bar waits for an attempt in a transaction, and does not go past it', async () => {
  const step = newStep()
  let barred: ReturnType<typeof bar> | undefined
  await ledger()
    .transaction()
    .execute(async (tx) => {
      await claim(tx, step, null)
      barred = bar(ledger(), step)
      await untilOneWaits(ledger())
      await complete(tx, step, { fence: 1 }, resultOf('done'))
    })
  expect(await barred).toMatchObject({ state: 'done' })
})

test('a step is taken over only when its lease is over or its outcome is unknown', async () => {
  const step = newStep()
  await claim(ledger(), step, LEASE_MS)
  expect(await codeOfFailed(takeOver(ledger(), step, LEASE_MS))).toBe('effect_in_flight')
  await expire(ledger(), step)
  expect(await takeOver(ledger(), step, LEASE_MS)).toEqual({ fence: 2, sentAt: null })
  expect(await codeOfFailed(takeOver(ledger(), step, LEASE_MS))).toBe('effect_in_flight')
  await markUnknown(ledger(), step, { fence: 2 })
  expect(await takeOver(ledger(), step, LEASE_MS)).toEqual({ fence: 3, sentAt: null })
  expect(await stateOf(ledger(), step)).toBe('claimed')
})

test('of two that take a step over at once, one does', async () => {
  const step = newStep()
  await claim(ledger(), step, LEASE_MS)
  await expire(ledger(), step)
  const both = await Promise.all([1, 2].map(() => codeOfFailed(takeOver(ledger(), step, LEASE_MS))))
  expect(new Set(both)).toEqual(new Set(['effect_in_flight', 'went through']))
})

test.each(['done', 'undone', 'barred', 'absent'])('a step that is %s is not taken over', async (state) => {
  const step = newStep()
  if (state === 'barred') await bar(ledger(), step)
  if (state === 'done' || state === 'undone') {
    await claim(ledger(), step, LEASE_MS)
    await complete(ledger(), step, { fence: 1 }, resultOf('done'))
  }
  if (state === 'undone') await markUndone(ledger(), step, 'taken out')
  await expire(ledger(), step)
  expect(await codeOfFailed(takeOver(ledger(), step, LEASE_MS))).toBe('effect_in_flight')
  expect(await stateOf(ledger(), step)).toBe(state)
})
