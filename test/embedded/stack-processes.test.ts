import { expect, onTestFinished, test } from 'vitest'
import { runningStack } from '../../src/embedded/index.ts'
import type { StackInfo } from '../../src/embedded/index.ts'
import { ended, firstLine, startFixture } from './fixtures/child.ts'
import { allGone } from './fixtures/processes.ts'
import { bare, start, stateDirectory } from './fixtures/stacks.ts'

const holdStack = new URL('./fixtures/hold-stack.ts', import.meta.url)

interface FixtureAnswer {
  up?: StackInfo
  refused?: { code: string; message: string }
}

test('a second start in the same directory is refused with process and addresses, without the password', async () => {
  const stateDir = await stateDirectory()
  const stack = await start(stateDir)
  const child = startFixture(holdStack, [stateDir, 'attempt'], bare)
  const { refused } = await firstLine<FixtureAnswer>(child)
  await ended(child)
  expect(refused?.code).toBe('stack_running')
  expect(refused?.message).toContain(`process ${stack.pid}`)
  expect(refused?.message).toContain(stack.temporalAddress)
  expect(refused?.message).toContain(new URL(stack.databaseUrl).host)
  expect(refused?.message).not.toContain(new URL(stack.databaseUrl).password)
  expect(await runningStack(stateDir)).toBeDefined()
})

test('of two processes that start in one directory at once, one gets the stack', async () => {
  const stateDir = await stateDirectory()
  const children = [1, 2].map(() => startFixture(holdStack, [stateDir, 'wait'], bare))
  let answers: readonly FixtureAnswer[] = []
  onTestFinished(async () => {
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(children.map((child) => ended(child)))
    // PostgreSQL writes into the directory until it is gone, and the directory is removed next.
    await allGone(answers.flatMap(({ up }) => [up?.servers.temporalPid, up?.servers.postgresPid]))
  })
  answers = await Promise.all(children.map((child) => firstLine<FixtureAnswer>(child)))
  expect(answers.filter((answer) => answer.up !== undefined)).toHaveLength(1)
  expect(answers.map((answer) => answer.refused?.code)).toContain('stack_running')
})

test.each(['exit', 'wait'] as const)(
  'servers die with their owner and the directory is free again (%s)',
  async (how) => {
    const stateDir = await stateDirectory()
    const child = startFixture(holdStack, [stateDir, how], bare)
    const { up } = await firstLine<FixtureAnswer>(child)
    if (how === 'wait') child.kill('SIGKILL')
    await ended(child)
    expect(await runningStack(stateDir)).toBeUndefined()
    await allGone([up?.servers.temporalPid, up?.servers.postgresPid])
    const next = await start(stateDir)
    expect(next.pid).toBe(process.pid)
  },
)
