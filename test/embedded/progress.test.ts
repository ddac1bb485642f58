import { expect, test, vi } from 'vitest'
import { slow } from '../../src/embedded/index.ts'

test('what is over within a second is not spoken of', async () => {
  const said: string[] = []
  await expect(slow(Promise.resolve(7), 'fetching', (line) => said.push(line))).resolves.toBe(7)
  expect(said).toEqual([])
})

test('what takes longer is named once it does, then every three seconds with the time that passed', async () => {
  vi.useFakeTimers()
  try {
    const said: string[] = []
    const work = new Promise<string>((resolve) => {
      setTimeout(() => resolve('done'), 7500)
    })
    const waiting = slow(work, 'fetching', (line) => said.push(line))
    await vi.advanceTimersByTimeAsync(999)
    expect(said).toEqual([])
    await vi.advanceTimersByTimeAsync(20_000)
    await expect(waiting).resolves.toBe('done')
    expect(said).toEqual(['fetching …', 'fetching … (4 s)', 'fetching … (7 s)'])
  } finally {
    vi.useRealTimers()
  }
})

test('a failure passes through unchanged and ends the messages', async () => {
  const failure = new Error('no')
  await expect(slow(Promise.reject(failure), 'fetching', () => undefined)).rejects.toBe(failure)
})
