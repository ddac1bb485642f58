import { z } from 'zod'
import { playbook } from '../../workflows/kernel/index.ts'
import { look, put } from '../kernel/contracts.ts'

/** Acts, and beside it looks into so many boxes before it acts once more. */
export const watches = playbook(
  {
    name: 'watches',
    title: 'Watches',
    request: z.strictObject({ item: z.string(), looks: z.int() }),
    tools: [look, put],
    thoughts: [],
  },
  async (run, { item, looks }) => {
    const watching = async () => {
      for (let at = 0; at < looks; at++) await run.read(look, { item: `${item}/${at}` })
      return await run.act(put, { item: `${item}/late` }, { because: [], as: 'late' })
    }
    await Promise.all([run.act(put, { item: `${item}/early` }, { because: [], as: 'early' }), watching()])
  },
)
