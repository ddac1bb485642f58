import { defineProject, implement } from 'countersign/worker'
import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { addSeats, getPlan } from './tools.ts'

/** The system of record of this sample is a file: one line an effect, with its idempotency key. */
const file = join(import.meta.dirname, 'seats.log')
const lines = async () => (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean)
const total = async () => (await lines()).reduce((sum, line) => sum + Number(line.split(' ')[1]), 5)

export const project = defineProject({
  workflows: join(import.meta.dirname, 'workflows.ts'),
  policies: join(import.meta.dirname, 'policies'),
  tools: [
    implement(getPlan, { execute: async ({ team }) => ({ team, seats: await total() }) }),
    implement(addSeats, {
      preview: async ({ team, seats }) => {
        const now = await total()
        return {
          changes: [{ record: `plan/${team}`, field: 'seats', from: String(now), to: String(now + seats) }],
          expect: {},
        }
      },
      execute: async ({ seats }, { idempotencyKey }) => {
        const known = (await lines()).some((line) => line.startsWith(idempotencyKey))
        if (!known) await appendFile(file, `${idempotencyKey} ${seats}\n`)
        return { seats: await total() }
      },
    }),
  ],
})
