import { test } from 'vitest'
import { BEN, CLEO, useOffice } from './office.ts'
import { expectEndings, manyTimes, race, RACES } from './racing.ts'

const office = useOffice()
const SIDES = [
  [BEN, 'approve'],
  [CLEO, 'approve'],
] as const
const DONE = 'completed, 1 held, 1 executed, box.put-1: done'

test(`where it takes two, two approvals at once do it once, ${RACES} times`, { timeout: 300_000 }, async () => {
  const ended = await manyTimes(RACES, (at) => race(office, 'pair', SIDES, at))
  expectEndings(ended, [`accepted, accepted: ${DONE}`])
})
