import { CancellationScope, sleep } from '@temporalio/workflow'
import { z } from 'zod'
import { playbook, type Run } from '../../workflows/kernel/index.ts'
import { look, put } from './contracts.ts'
import { balanceByModel, book, charge, costly, dollars, odd, payout } from './hostile-contracts.ts'

const item = z.string()
const putting = (run: Run, what: string, as?: string) =>
  run.act(put, { item: what }, { because: [], ...(as === undefined ? {} : { as }) })

/** Moves as much at once as it is told: after one small write, `count` steps of `size` characters. */
export const bulk = playbook(
  {
    name: 'bulk',
    title: 'Bulk',
    request: z.strictObject({
      item,
      does: z.enum(['act', 'act side by side', 'act and throw', 'cite', 'read side by side', 'refuse']),
      count: z.int().default(1),
      size: z.int(),
    }),
    tools: [look, put],
    thoughts: [],
  },
  async (run, { item: what, does, count, size }) => {
    await putting(run, what)
    const big = Array.from({ length: count }, (_, at) => `${what}/${at}/${'x'.repeat(size)}`)
    const reads = () => big.map((_, at) => run.read(look, { item: what, size }, { as: `r${at}` }))
    if (does === 'act side by side') await Promise.all(big.map((one, at) => putting(run, one, `p${at}`)))
    if (does === 'act' || does === 'act and throw') for (const one of big) await putting(run, one)
    if (does === 'act and throw') throw new Error('boom')
    if (does === 'read side by side') await Promise.all(reads())
    if (does === 'cite') await run.act(put, { item: `${what}/cited` }, { because: await Promise.all(reads()) })
    if (does === 'refuse') run.refuse('x'.repeat(size))
    return { done: count }
  },
)

const half = '\ud800'
const DOES = [
  'put',
  'put two',
  'ask',
  'float',
  'float past the end',
  'loop around a denial',
  'loop around a question',
  'think at once',
  'throw half',
  'refuse with half',
  'plan half',
  'throw null',
  'throw nothing',
  'spin',
  'spin in promises',
  'globals',
] as const

const mark = Symbol.for('mark')
const globals = globalThis as unknown as Record<string | symbol, unknown>

/** What a run finds of globals that others add, replace, hide and delete. */
const globalsFound = () => ({
  added: String(globals['added']),
  marked: String(globals[mark]),
  hidden: String(globals['hidden']),
  replaced: typeof globals['Int16Array'] === 'function' ? 'as it was' : String(globals['Int16Array']),
  frozen: String(Object.getOwnPropertyDescriptor(globalThis, 'added')?.writable),
  hasInt8Array: 'Int8Array' in globals,
  hasConsole: 'console' in globals,
})

function spoilGlobals(what: string): void {
  Object.defineProperty(globalThis, 'added', { value: what, writable: false, enumerable: true, configurable: true })
  Object.defineProperty(globalThis, 'hidden', { get: () => what, enumerable: false, configurable: true })
  globals[mark] = what
  globals['Int16Array'] = what
  globals['Reflect'] = {}
  delete globals['Int8Array']
  delete globals['console']
}

/** Ends, or does not end, in every way that nobody should. */
export const ends = playbook(
  {
    name: 'ends',
    title: 'Ends',
    request: z.strictObject({ item, does: z.enum(DOES) }),
    tools: [put],
    thoughts: [costly],
  },
  async (run, { item: what, does }) => {
    const late = () => sleep(300).then(() => putting(run, `${what}/late`))
    const insists = async (on: string): Promise<never> => {
      for (;;) {
        try {
          await putting(run, on)
        } catch {
          await sleep(10).catch(() => {})
        }
      }
    }
    if (does === 'float') late().catch(() => {})
    if (does === 'float past the end') CancellationScope.nonCancellable(late).catch(() => {})
    if (does === 'plan half') run.plan(half)
    await putting(run, what)
    switch (does) {
      case 'put two':
        return await putting(run, `${what}/2`)
      case 'ask':
        return await putting(run, `${what}/ask`)
      case 'float past the end':
        throw new Error('boom')
      case 'loop around a denial':
        return await insists(`${what}/forbidden`)
      case 'loop around a question':
        return await insists(`${what}/ask`)
      case 'think at once':
        return await Promise.all([1, 2, 3, 4, 5].map((at) => run.think(costly, { item: what }, { as: `t${at}` })))
      case 'throw half':
        throw new Error(half)
      case 'refuse with half':
        return run.refuse(half)
      case 'throw null':
        // oxlint-disable-next-line typescript/only-throw-error -- a playbook may throw anything
        throw null
      case 'throw nothing':
        throw Object.create(null)
      case 'spin':
        for (;;) Math.abs(1)
      case 'spin in promises':
        for (;;) await Promise.resolve()
      case 'globals': {
        const first = globalsFound()
        spoilGlobals(what)
        const spoilt = globalsFound()
        for (let round = 0; round < 3; round++) await sleep(50)
        return { first, spoilt, last: globalsFound() }
      }
      case 'put':
      case 'float':
      case 'plan half':
        return null
    }
  },
)

/** Calls one odd tool, after a write that goes well. */
export const odds = playbook(
  {
    name: 'odds',
    title: 'Odds',
    request: z.strictObject({
      item,
      tool: z.enum(['odd', 'charge', 'book', 'dollars']),
      mode: z.string().default(''),
      finally: z.enum(['return', 'throw']).default('return'),
    }),
    tools: [put, odd, charge, book, dollars],
    thoughts: [],
  },
  async (run, { item: what, tool, mode, finally: end }) => {
    await putting(run, what)
    const how = { because: [] }
    if (tool === 'dollars') await run.act(dollars, { item: what, amount: 5 }, how)
    else await run.act({ odd, charge, book }[tool], { item: what, mode }, how)
    if (end === 'throw') throw new Error('boom')
    return { done: 1 }
  },
)

/** Rests a payout on a model's word that is named like the record. */
export const believer = playbook(
  {
    name: 'believer',
    title: 'Believer',
    request: z.strictObject({ item }),
    tools: [payout],
    thoughts: [balanceByModel],
  },
  async (run, { item: what }) => {
    const said = await run.think(balanceByModel, { item: what })
    return await run.act(payout, { item: what }, { because: [said] })
  },
)

/** Its request schema throws on what is no URL. */
export const picky = playbook(
  {
    name: 'picky',
    title: 'Picky',
    request: z.strictObject({ item, url: z.string().refine((url) => new URL(url).protocol === 'https:') }),
    tools: [put],
    thoughts: [],
  },
  (run, { item: what }) => putting(run, what),
)

/** Its request schema makes what JSON cannot say. */
export const bigs = playbook(
  {
    name: 'bigs',
    title: 'Bigs',
    request: z.strictObject({ item, count: z.string().transform(BigInt) }),
    tools: [put],
    thoughts: [],
  },
  (run, { item: what }) => putting(run, what),
)
