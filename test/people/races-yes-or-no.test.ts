import { test } from 'vitest'
import { BEN, CLEO, useOffice } from './office.ts'
import { expectEndings, manyTimes, race, RACES } from './racing.ts'

const office = useOffice()

test(`of a yes and a no that race exactly one counts, ${RACES} times`, { timeout: 300_000 }, async () => {
  const sides = [
    [BEN, 'approve'],
    [CLEO, 'reject'],
  ] as const
  const ended = await manyTimes(RACES, (at) => race(office, 'ask', sides, at))
  const yes = 'completed, 1 held, 1 executed, box.put-1: done'
  const no = 'refused, 0 held, 0 executed, nothing'
  // Whoever comes second may find that the run has ended.
  expectEndings(ended, [
    `accepted, decision_already_made: ${yes}`,
    `decision_already_made, accepted: ${no}`,
    `run_not_found, accepted: ${no}`,
  ])
})
