import { z } from 'zod'
import { playbook } from '../../workflows/kernel/index.ts'
import { burn, dream, drop, guess, lend, look, pay, peek, put, send, steal, WRITES } from './contracts.ts'

const tools = [look, put, lend, send, drop, burn, pay]
const item = z.string()

/** Does what it is told, one after the other, and then returns or throws. */
export const chain = playbook(
  {
    name: 'chain',
    title: 'Chain',
    request: z.strictObject({
      acts: z.array(z.strictObject({ tool: z.enum(['put', 'lend', 'send', 'drop', 'burn']), item })),
      finally: z.enum(['return', 'throw', 'refuse', 'escalate']).default('return'),
      /** Goes on after a write that failed. */
      stubborn: z.boolean().default(false),
    }),
    tools,
    thoughts: [],
  },
  async (run, { acts, finally: end, stubborn }) => {
    for (const { tool, item: what } of acts) {
      try {
        await run.act(WRITES[tool], { item: what }, { because: [] })
      } catch (error) {
        if (!stubborn) throw error
      }
    }
    if (end === 'throw') throw new Error('boom')
    if (end === 'refuse') run.refuse('not today')
    if (end === 'escalate') run.escalate('over to you')
    return { done: acts.length }
  },
)

/** Steps of one tool in a loop and side by side. */
export const loops = playbook(
  {
    name: 'loops',
    title: 'Loops',
    request: z.strictObject({ item, again: z.string().nullable().default(null) }),
    tools,
    thoughts: [],
  },
  async (run, { item: what, again }) => {
    for (const number of [1, 2, 3]) await run.act(put, { item: `${what}/${number}` }, { because: [] })
    await Promise.all(
      ['a', 'b', again ?? 'c'].map(async (as) => {
        const box = await run.read(look, { item: `${what}/${as}` }, { as })
        return await run.act(put, { item: `${what}/${as}` }, { because: [box], as })
      }),
    )
  },
)

/** Two questions at once: whichever is answered first decides what is done then. */
export const contends = playbook(
  { name: 'contends', title: 'Contends', request: z.strictObject({ item }), tools, thoughts: [] },
  async (run, { item: what }) => {
    const both = ['first', 'second'].map(async (as) => {
      await run.act(put, { item: `${what}/${as}/ask` }, { because: [], as })
      return as
    })
    const won = await Promise.race(both)
    await Promise.all(both)
    await run.act(put, { item: `${what}/${won}/last/ask` }, { because: [], as: `after-${won}` })
    return { won }
  },
)

/** Looks only as long as there is time: gone through again later, it asks for less than before. */
export const hurries = playbook(
  { name: 'hurries', title: 'Hurries', request: z.strictObject({ item, untilMs: z.int() }), tools, thoughts: [] },
  async (run, { item: what, untilMs }) => {
    if (Date.now() < untilMs) await run.read(look, { item: what })
    await run.act(put, { item: what }, { because: [] })
    await run.act(put, { item: `${what}/ask` }, { because: [] })
  },
)

/** Many reads of a given size, at once or one after the other. */
export const reads = playbook(
  {
    name: 'reads',
    title: 'Reads',
    request: z.strictObject({ item, times: z.int(), size: z.int(), apart: z.boolean().default(false) }),
    tools,
    thoughts: [],
  },
  async (run, { item: what, times, size, apart }) => {
    if (apart) {
      for (let time = 0; time < times; time++) await run.read(look, { item: what, size })
      return { times }
    }
    const all = Array.from({ length: times }, () => run.read(look, { item: what, size }))
    return { lengths: (await Promise.all(all)).map(({ padding }) => padding.length) }
  },
)

const quietly = async (step: Promise<unknown>): Promise<string> => {
  try {
    await step
    return 'went on'
  } catch (error) {
    return String(error)
  }
}

/** Catches whatever it is told and tries to go on. */
export const swallows = playbook(
  { name: 'swallows', title: 'Swallows', request: z.strictObject({ item }), tools, thoughts: [guess] },
  async (run, { item: what }) => [
    await quietly(run.act(put, { item: `${what}/forbidden` }, { because: [] })),
    await quietly(run.read(look, { item: what })),
    await quietly(run.think(guess, { item: what })),
    await quietly(run.act(put, { item: `${what}/after` }, { because: [] })),
  ],
)

/** Calls what its contract does not list. */
export const strays = playbook(
  {
    name: 'strays',
    title: 'Strays',
    request: z.strictObject({ item, calls: z.enum(['peek', 'steal', 'dream']) }),
    tools,
    thoughts: [guess],
  },
  async (run, { item: what, calls }) => {
    if (calls === 'peek') await run.read(peek, { item: what })
    if (calls === 'steal') await run.act(steal, { item: what }, { because: [] })
    if (calls === 'dream') await run.think(dream, { item: what })
  },
)

/** Pays for something on evidence of one sort or another. */
export const cites = playbook(
  {
    name: 'cites',
    title: 'Cites',
    request: z.strictObject({
      item,
      what: z.enum(['box', 'nothing', 'copy', 'made up', 'model', 'two', 'other', 'undefined']),
    }),
    tools,
    thoughts: [guess],
  },
  async (run, { item: thing, what }) => {
    const box = await run.read(look, { item: thing })
    const other = await run.read(look, { item: `${thing}/other` })
    const word = await run.think(guess, { item: thing })
    const because = {
      box: [box],
      nothing: [],
      copy: [{ ...box }],
      'made up': [{ item: thing, count: 1, padding: '' }],
      model: [word],
      two: [box, other],
      other: [other],
      undefined: [undefined as unknown as object],
    }[what]
    await run.act(pay, { item: thing }, { because })
  },
)

/** Acts on a model's word alone where the tool needs nothing. */
export const believes = playbook(
  { name: 'believes', title: 'Believes', request: z.strictObject({ item }), tools, thoughts: [guess] },
  async (run, { item: what }) => {
    const word = await run.think(guess, { item: what })
    await run.act(put, { item: what }, { because: [word] })
  },
)

/** Returns or throws what JSON cannot say. */
export const odd = playbook(
  {
    name: 'odd',
    title: 'Odd',
    request: z.strictObject({ item, gives: z.enum(['bigint', 'cycle', 'text', 'function', 'nothing']) }),
    tools,
    thoughts: [],
  },
  async (run, { item: what, gives }) => {
    await run.act(put, { item: what }, { because: [] })
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    // oxlint-disable-next-line typescript/only-throw-error -- a playbook may throw anything
    if (gives === 'text') throw 'just a text'
    return { bigint: 1n, cycle, function: { call: quietly }, nothing: undefined }[gives]
  },
)

/** Fills boxes side by side, under the names that it is given. */
export const pairs = playbook(
  {
    name: 'pairs',
    title: 'Pairs',
    request: z.strictObject({
      acts: z.array(z.strictObject({ as: z.string(), item })),
      /** Put before the others begin. */
      first: z.string().nullable().default(null),
    }),
    tools,
    thoughts: [],
  },
  async (run, { acts, first }) => {
    if (first !== null) await run.act(put, { item: first }, { because: [], as: 'first' })
    await Promise.all(acts.map(({ as, item: what }) => run.act(put, { item: what }, { because: [], as })))
  },
)
