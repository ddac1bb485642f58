import { test } from 'vitest'
import { BEN, CLEO, useOffice } from './office.ts'
import { expectEndings, manyTimes, race, RACES } from './racing.ts'

const office = useOffice()
const SIDES = [
  [BEN, 'approve'],
  [CLEO, 'approve'],
] as const
const DONE = 'completed, 1 held, 1 executed, box.put-1: done'

test(`where it takes one, of two approvals at once one counts, ${RACES} times`, { timeout: 300_000 }, async () => {
  const ended = await manyTimes(RACES, (at) => race(office, 'ask', SIDES, at))
  expectEndings(ended, [`accepted, decision_already_made: ${DONE}`, `decision_already_made, accepted: ${DONE}`])
})
