import { expect, test } from 'vitest'
import { askRun, sendUpdate } from '../../src/cli/patience.ts'
import type { Session } from '../../src/cli/session.ts'

/** A connection that passes calls on; only what patience does with their errors is looked at. */
const session = {
  taskQueue: 'countersign',
  connection: { withDeadline: (_deadline: number, call: () => Promise<unknown>) => call() },
} as unknown as Session

const grpc = (code: number) => Object.assign(new Error('gRPC'), { code, details: 'what the server said' })
const wrapped = (code: number) => new Error('Failed to update Workflow', { cause: grpc(code) })

/** Throws what it is given, one error a call, then answers. */
function failing(errors: readonly Error[]) {
  const left = [...errors]
  let calls = 0
  return {
    calls: () => calls,
    send: () => {
      calls += 1
      const error = left.shift()
      return error === undefined ? Promise.resolve('accepted') : Promise.reject(error)
    },
  }
}

test('an update is sent again while the server is unavailable, by the same call with the same id', async () => {
  const update = failing([wrapped(14), grpc(14)])
  expect(await sendUpdate(session, 'refund-1', update.send)).toBe('accepted')
  expect(update.calls()).toBe(3)
})

test('an update that nobody answers in time is not sent again, and the error says that it may still arrive', async () => {
  const timeout = Object.assign(new Error('timeout'), { name: 'WorkflowUpdateRPCTimeoutOrCancelledError' })
  for (const error of [timeout, wrapped(4)]) {
    const update = failing([error])
    await expect(sendUpdate(session, 'refund-1', update.send)).rejects.toMatchObject({
      code: 'no_answer',
      message: 'No worker answered within 30 seconds; what was sent may still arrive.',
    })
    expect(update.calls()).toBe(1)
  }
})

test('what the server refuses is passed on at once', async () => {
  const refusal = wrapped(7)
  const update = failing([refusal])
  await expect(sendUpdate(session, 'refund-1', update.send)).rejects.toBe(refusal)
  expect(update.calls()).toBe(1)
})

test('a question that no worker answers has no answer; any other failure is passed on', async () => {
  for (const code of [1, 4, 9]) expect(await askRun(session, failing([wrapped(code)]).send)).toBeUndefined()
  await expect(askRun(session, failing([wrapped(7)]).send)).rejects.toThrow('Failed to update Workflow')
  expect(await askRun(session, failing([]).send)).toBe('accepted')
})
