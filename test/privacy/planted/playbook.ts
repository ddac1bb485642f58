import { z } from 'zod'
import { pii, subject } from '../../../src/contract/classes.ts'
import { playbook } from '../../../workflows/kernel/index.ts'
import { bookVisit, breakDown, findPatient } from './contracts.ts'

/** Books a visit of a patient, or breaks down. */
export const visits = playbook(
  {
    name: 'visits',
    title: 'Books a visit',
    request: z.strictObject({
      patient: pii(subject(z.string()), 'account'),
      why: pii(z.string(), 'text'),
      breaks: z.boolean(),
    }),
    tools: [findPatient, breakDown, bookVisit],
    thoughts: [],
  },
  async (run, { patient, why, breaks }) => {
    const token = 'secret:VISITS_KEY'
    const found = await run.read(findPatient, { patient, token })
    if (breaks) await run.read(breakDown, { patient })
    run.plan(`book a visit of ${patient}, born ${found.born}`)
    const { visit } = await run.act(bookVisit, { patient, why, token }, { because: [found] })
    return { visit, born: found.born }
  },
)
