import { z } from 'zod'
import { proposal } from '../../src/contract/proposal.ts'
import { offer, playbook } from '../../workflows/kernel/index.ts'
import { burn, look, pay, put, steal } from './contracts.ts'

export const next = proposal({
  name: 'box.next',
  title: 'propose what to do',
  version: 1,
  instructions: 'Fill the boxes.',
})

const tools = [look, put, pay, burn]
const item = z.string()

/** Hands the boxes of an item over to a model. Its own box may be paid for, and boxes under its name filled. */
export const works = playbook(
  {
    name: 'works',
    title: 'Works',
    request: z.strictObject({ item, maxSteps: z.number().default(10), catches: z.boolean().default(false) }),
    tools,
    thoughts: [next],
  },
  async (run, { item: what, maxSteps, catches }) => {
    const box = await run.read(look, { item: what })
    const delegated = run.delegate(next, {
      goal: 'Fill the boxes.',
      seen: { item: what, box },
      maxSteps,
      offers: [
        offer(look, { among: { item: [`${what}/a`, `${what}/b`, `${what}/unknown`] }, choose: ['size'] }),
        offer(put, { choose: ['item'], because: [box], times: 2 }),
        offer(pay, { fixed: { item: what }, because: [box] }),
        offer(burn, { among: { item: [] }, because: [box] }),
      ],
    })
    if (catches) {
      await delegated.catch(() => {})
      await run.act(put, { item: `${what}/after` }, { because: [box] })
    }
    const work = await delegated
    return { summary: work.summary, put: work.of(put).length, counts: work.of(look).map(({ count }) => count) }
  },
)

/** Two delegations side by side. */
export const sides = playbook(
  { name: 'sides', title: 'Sides', request: z.strictObject({ item }), tools, thoughts: [next] },
  async (run, { item: what }) => {
    const box = await run.read(look, { item: what })
    const side = (as: string) =>
      run.delegate(next, {
        goal: 'Fill one box.',
        seen: { item: `${what}/${as}` },
        maxSteps: 3,
        as,
        offers: [offer(look, { choose: ['item'] }), offer(put, { choose: ['item'], because: [box] })],
      })
    const done = await Promise.all(['red', 'blue'].map(side))
    return done.map(({ summary }) => summary)
  },
)

const MISOFFERS = {
  'no field of the tool': () => offer(put, { choose: ['item'], fixed: { colour: 'red' } as object, because: [] }),
  'a field twice': () => offer(put, { choose: ['item'], fixed: { item: 'x' }, because: [] }),
  'a field for nobody': () => offer(put, { because: [] }),
  'no time at all': () => offer(put, { choose: ['item'], because: [], times: 0 }),
  'evidence of its own': () => offer(put, { choose: ['item'], because: [{ item: 'x' }] }),
  'an unlisted tool': () => offer(steal, { choose: ['item'], because: [] }),
} as const

/** Offers what cannot be offered. */
export const misoffers = playbook(
  {
    name: 'misoffers',
    title: 'Misoffers',
    request: z.strictObject({
      item,
      what: z.enum([...(Object.keys(MISOFFERS) as (keyof typeof MISOFFERS)[]), 'twice', 'too much', 'too many steps']),
    }),
    tools,
    thoughts: [next],
  },
  async (run, { item: name, what }) => {
    const box = await run.read(look, { item: name })
    const sound = offer(put, { choose: ['item'], because: [box] })
    const offers = what in MISOFFERS ? [MISOFFERS[what as keyof typeof MISOFFERS]()] : [sound]
    await run.delegate(next, {
      goal: 'Fill the box.',
      seen: { item: name, ...(what === 'too much' ? { text: 'x'.repeat(200_001) } : {}) },
      maxSteps: what === 'too many steps' ? 51 : 5,
      offers: what === 'twice' ? [sound, sound] : offers,
    })
  },
)
