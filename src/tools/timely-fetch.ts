import { Agent, type Dispatcher, fetch as send, type RequestInit as SendInit } from 'undici'

const agent = new Agent()

/**
 * `fetch` for an attempt that has its time. The signal alone is not enough: a process that was stopped (by the scheduler of its machine, a
 * debugger, SIGSTOP) goes on where it was, and sends what it had begun before its timers tell it that its time is over; by then
 * another attempt may have done the same. So the clock is looked at once more in the moment in which the request is written
 * to the connection, and one that is late is not sent.
 */
export function timelyFetch(leftMs: number, signal: AbortSignal): typeof fetch {
  const due = performance.now() + leftMs
  const isLate = (): boolean => performance.now() >= due
  const dispatcher = agent.compose(
    (dispatch): Dispatcher['dispatch'] =>
      (options, handler) =>
        dispatch(options, {
          onRequestStart(controller, context) {
            handler.onRequestStart?.(controller, context)
            if (isLate())
              controller.abort(new DOMException('the attempt is over, and nothing was sent', 'TimeoutError'))
          },
          onRequestUpgrade: (...told) => handler.onRequestUpgrade?.(...told),
          onResponseStart: (...told) => handler.onResponseStart?.(...told),
          onResponseData: (...told) => handler.onResponseData?.(...told),
          onResponseEnd: (...told) => handler.onResponseEnd?.(...told),
          onResponseError: (...told) => handler.onResponseError?.(...told),
        }),
  )
  const timely = async (input: string | URL, init: SendInit = {}): Promise<unknown> => {
    const signals = init.signal instanceof AbortSignal ? [signal, init.signal] : [signal]
    return await send(input, { ...init, dispatcher, signal: AbortSignal.any(signals) })
  }
  // Node's own types and those of the package are of two versions of one thing.
  return timely as unknown as typeof fetch
}
