import { z } from 'zod'
import { playbook, type Run } from '../../workflows/kernel/index.ts'
import { look, put } from '../kernel/contracts.ts'
import { puppet } from '../worker/puppet.ts'
import { appraise, ponder } from './contracts.ts'

const request = z.strictObject({
  item: z.string(),
  /** How often it thinks, one after the other. */
  thinks: z.int().default(1),
  /** How often it looks into the box, at once. */
  looks: z.int().default(0),
})

const contract = <const Name extends string>(name: Name) => ({
  name,
  title: name,
  request,
  tools: [appraise, look, put],
  thoughts: [ponder],
})

const body = async (run: Run, { item, thinks, looks }: z.output<typeof request>) => {
  const box = await run.read(appraise, { item })
  await Promise.all(Array.from({ length: looks }, () => run.read(look, { item })))
  for (let time = 0; time < thinks; time++) await run.think(ponder, { item })
  return await run.act(put, { item }, { because: [box] })
}

const value = {
  of: appraise,
  is: ({ worth }: z.output<typeof appraise.output>) => {
    if (worth?.cents === 66_600) throw new RangeError('no idea')
    return worth ?? undefined
  },
}

/** The same job under policies that do different things beyond their caps. */
export const escalates = playbook(contract('escalates'), body)
export const refuses = playbook(contract('refuses'), body)
export const asks = playbook(contract('asks'), body)
export const asks_briefly = playbook(contract('asks_briefly'), body)
export const values = playbook({ ...contract('values'), value }, body)

/** A workflow under a policy with caps, that makes the calls that it is told to make. */
export const puppets = Object.assign(async () => await puppet(), { contract: { ...contract('puppets'), value } })
