import { text } from 'node:stream/consumers'
import { retryAfterMs } from '../../contract/retry-after.ts'
import type { Delivered } from './delivery.ts'

const ANSWER_MS = 20_000
/** The longest wait that a sink may ask for. */
const LONGEST_WAIT_MS = 3_600_000
/** What is read of an answer. */
const MOST_ANSWERED = 65_536

/** What a sink answered. */
export interface Answered {
  readonly status: number
  /** At most its first 64 kB. */
  readonly body: string
  readonly headers: Headers
}

/** Sends one request. Redirects are not followed: nothing with a token in it goes where nobody said. */
export async function post(
  url: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Answered> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'User-Agent': 'countersign', ...headers },
    body,
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
  })
  const length = Number(response.headers.get('content-length') ?? 0)
  if (response.body === null || length > MOST_ANSWERED) {
    await response.body?.cancel()
    return { status: response.status, body: '', headers: response.headers }
  }
  return { status: response.status, body: await firstOf(response.body), headers: response.headers }
}

async function firstOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  let left = MOST_ANSWERED
  const cut = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      controller.enqueue(chunk.subarray(0, left))
      left -= chunk.length
      if (left <= 0) controller.terminate()
    },
  })
  return await text(stream.pipeThrough(cut))
}

/** What is to be sent again, and when at the earliest. */
export function again({ status, headers }: Answered, said = ''): Delivered {
  const afterMs = retryAfterMs(headers, Date, LONGEST_WAIT_MS)
  const why = `it answered ${status}${said === '' ? '' : ` ${said}`}`
  return { came: 'again', why, ...(afterMs === undefined ? {} : { afterMs }) }
}
