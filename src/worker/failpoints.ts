import { writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** The places in the life of a write, a compensation, an approval and an undo at which the fault suite can strike. */
export const FAILPOINTS = [
  // A run is opened.
  'openRun.before',
  'openRun.after',
  // What is asked before anything is done.
  'read.done',
  'preview.shown',
  'recall.answered',
  // A write: the guard has passed it; it is claimed; it happened; it is recorded.
  'write.guarded',
  'write.claimed',
  'write.executing',
  'write.executed',
  'write.recorded',
  // A write whose first attempt came to nobody knows what.
  'takeover.claimed',
  'probe.asking',
  'probe.answered',
  // A compensation, or an undo.
  'undo.guarded',
  'undo.barred',
  'undo.executing',
  'undo.executed',
  'undo.recorded',
  // Money for a model.
  'spend.reserving',
  'spend.reserved',
  'spend.settling',
  'spend.settled',
] as const
export type Failpoint = (typeof FAILPOINTS)[number]

/** `kill` and `stop` are SIGKILL and SIGSTOP of this process; `delay` waits so many milliseconds. */
type Action = { readonly does: 'kill' | 'stop' | 'throw' } | { readonly does: 'delay'; readonly ms: number }
/** `hit`: which arrival at the place counts, from 1; every one where it is `undefined`. */
type Armed = Action & { readonly hit: number | undefined; arrivals: number }

const VARIABLE = 'COUNTERSIGN_FAILPOINTS'
const FORM = /^([\w.]+)=(?:(kill|stop|throw)|delay:(\d{1,6}))(?:@(\d{1,6}))?$/

/** Reads `write.claimed=kill@3,undo.executed=delay:500`. Throws on what it does not know: a typo must not pass as calm. */
function armedBy(text: string): ReadonlyMap<string, Armed> {
  const armed = new Map<string, Armed>()
  for (const part of text.split(',')) {
    const [, name = '', does, ms, hit] = FORM.exec(part) ?? []
    if (!(FAILPOINTS as readonly string[]).includes(name)) {
      throw new RangeError(`${VARIABLE}: \`${part}\` names no failpoint and action; see docs/faults.md`)
    }
    const action: Action = ms === undefined ? { does: does as 'kill' } : { does: 'delay', ms: Number(ms) }
    armed.set(name, { ...action, hit: hit === undefined ? undefined : Number(hit), arrivals: 0 })
  }
  return armed
}

/** Read once, when the process starts: nothing can switch a failpoint on in a running worker. */
const text = process.env[VARIABLE]
const armed = text === undefined ? undefined : armedBy(text)
// Written at once and past every logger: a worker that is going to hurt itself must not do it in silence.
const say = (line: string): void => void writeSync(2, `${line}\n`)
if (text !== undefined) say(`WARNING: ${VARIABLE} is set, this worker is going to fail on purpose: ${text}`)

/** Does nothing, unless the environment of this process armed the place. */
export async function failpoint(name: Failpoint): Promise<void> {
  const point = armed?.get(name)
  if (point === undefined) return
  point.arrivals += 1
  if (point.hit !== undefined && point.hit !== point.arrivals) return
  say(`failpoint ${name}: ${point.does}`)
  switch (point.does) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL')
      break
    case 'stop':
      process.kill(process.pid, 'SIGSTOP')
      break
    case 'delay':
      await delay(point.ms)
      break
    case 'throw':
      throw new Error(`failpoint ${name}`)
  }
}
