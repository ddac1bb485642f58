import { z } from 'zod'
import { playbook } from '../../workflows/kernel/index.ts'
import { look } from '../kernel/contracts.ts'

export { chain, cites, pairs } from '../kernel/playbooks.ts'

/** Looks into a box again and again, one look after the other. */
export const watches = playbook(
  {
    name: 'watches',
    title: 'Watches',
    request: z.strictObject({ item: z.string(), times: z.int() }),
    tools: [look],
    thoughts: [],
  },
  async (run, { item, times }) => {
    for (let time = 1; time <= times; time++) await run.read(look, { item })
    return { times }
  },
)
