import { z } from 'zod'
import { pii, subject } from '../../src/contract/classes.ts'
import { playbook } from '../../workflows/kernel/index.ts'
import { findMember, writeMember } from './contracts.ts'

/** Looks a member up and writes to him, with a secret. */
export const informs = playbook(
  {
    name: 'informs',
    title: 'Informs a member',
    request: z.strictObject({
      email: pii(subject(z.email()), 'email'),
      text: pii(z.string(), 'text'),
      reading: z.string(),
      writing: z.string(),
      token: z.string(),
    }),
    tools: [findMember, writeMember],
    thoughts: [],
  },
  async (run, { email, text, token, reading, writing }) => {
    const found = await run.read(findMember, { email, token, how: reading as 'keeps_it' })
    const { member } = found
    const wrote = await run.act(writeMember, { member, text, token, how: writing as 'keeps_it' }, { because: [found] })
    return { note: `${found.note} ${wrote.note}` }
  },
)
