import { z } from 'zod'
import { playbook } from '../../workflows/kernel/index.ts'
import { stare } from './stare.ts'

export { chain, cites, pairs } from '../kernel/playbooks.ts'

/** Stares into a box again and again. */
export const watches = playbook(
  {
    name: 'watches',
    title: 'Watches',
    request: z.strictObject({ item: z.string(), times: z.int() }),
    tools: [stare],
    thoughts: [],
  },
  async (run, { item, times }) => {
    for (let time = 1; time <= times; time++) await run.read(stare, { item })
    return { times }
  },
)
