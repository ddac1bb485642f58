import { playbook } from 'countersign/workflow'
import { z } from 'zod'
import { addSeats, getPlan } from './tools.ts'

export const grow_team = playbook(
  {
    name: 'grow_team',
    title: 'Grow a team',
    request: z.strictObject({ team: z.string(), seats: z.int().positive() }),
    tools: [getPlan, addSeats],
    thoughts: [],
  },
  async (run, request) => {
    const plan = await run.read(getPlan, { team: request.team })
    run.plan(`go from ${plan.seats} seats to ${plan.seats + request.seats}`)
    return await run.act(addSeats, { team: request.team, seats: request.seats }, { because: [plan] })
  },
)
