import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { timelyFetch } from '../../src/tools/timely-fetch.ts'

const asked: string[] = []
const server = createServer((request, response) => {
  asked.push(String(request.url))
  response.end('done')
})
let base = ''
beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

/** As if the process had been stopped: nothing runs, and the clock goes on. */
const stopFor = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
const never = new AbortController().signal

test('in time it is `fetch`', async () => {
  const response = await timelyFetch(5_000, never)(`${base}/in-time`, { method: 'POST', body: '{}' })
  expect(await response.text()).toBe('done')
  expect(asked).toContain('/in-time')
})

test.each(['on a new connection', 'on one that is open already'])(
  'what was begun before the process stopped, and is late when it goes on, is not sent: %s',
  async (how) => {
    if (how.endsWith('already')) await (await timelyFetch(5_000, never)(`${base}/opens`)).text()
    const path = `/late-${how.length}`
    const sending = timelyFetch(50, never)(`${base}${path}`, { method: 'POST', body: '{}' })
    stopFor(200)
    await expect(sending).rejects.toThrow('fetch failed')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(asked).not.toContain(path)
  },
)

test('the signal of the attempt, and one of the tool, end it', async () => {
  const mine = new AbortController()
  const sending = timelyFetch(5_000, never)(`${base}/mine`, { signal: mine.signal })
  mine.abort(new Error('enough'))
  await expect(sending).rejects.toThrow('enough')
  const theirs = timelyFetch(5_000, AbortSignal.abort(new Error('cancelled')))(`${base}/theirs`)
  await expect(theirs).rejects.toThrow('cancelled')
})
