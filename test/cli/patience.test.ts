import { expect, test } from 'vitest'
import { askRun, sendUpdate } from '../../src/cli/patience.ts'
import type { Session } from '../../src/cli/session.ts'
import { fail } from '../../src/contract/failures.ts'

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

test('an update that nobody answers in time fails as the client says, and names the worker that is missing', async () => {
  const message = 'No worker answered within 30 seconds; what was sent may still arrive.'
  const unanswered = failing([fail('no_answer', message)])
  await expect(sendUpdate(session, 'refund-1', unanswered.send)).rejects.toMatchObject({
    name: 'CliError',
    code: 'no_answer',
    message,
    help: 'Start a worker. Then look with `countersign show` before you send it again.',
  })
  expect(unanswered.calls()).toBe(1)
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
