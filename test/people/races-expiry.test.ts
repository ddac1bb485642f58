import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { decisionBy } from './deciders.ts'
import { BEN, useOffice } from './office.ts'
import { RACES } from './racing.ts'

const office = useOffice({ policies: join(import.meta.dirname, 'soon') })

test(
  `a yes at the edge of the deadline is in time or not, and money moves accordingly, ${RACES} times`,
  { timeout: 300_000 },
  async () => {
    const racing: Promise<string>[] = []
    // One after the other, since each waits for a minute: by then all are under way.
    const runner = async (lane: number): Promise<void> => {
      for (let at = lane; at < RACES; at += 20) {
        const { item, run, pending, runKey } = await office.waiting()
        const aroundMs = (at % 41) * 5 - 150
        const decided = async (): Promise<string> => {
          await delay(Math.max(Date.parse(pending.deadline) + aroundMs - Date.now(), 0))
          const told = await office.tell(run.workflowId, 'decide', decisionBy(BEN, pending, 'approve'))
          const { state } = await office.as(BEN).run(run.workflowId).outcome()
          const did = `${office.boxes.held(item)} held, ${office.boxes.asked(item).length} executed`
          return `${told === 'accepted' ? 'in time' : `late (${told})`}: ${state}, ${did}, ${(await office.ledgerOf(runKey)).join(' ')}`
        }
        racing.push(decided())
      }
    }
    await Promise.all(Array.from({ length: 20 }, (_, lane) => runner(lane)))
    const ended = await Promise.all(racing)
    expect(ended).toHaveLength(RACES)
    const late = 'escalated, 0 held, 0 executed, '
    expect(ended.toSorted().filter((one, at, all) => one !== all[at - 1])).toEqual(
      expect.arrayContaining(['in time: completed, 1 held, 1 executed, box.put-1: done']),
    )
    const allowed = [
      'in time: completed, 1 held, 1 executed, box.put-1: done',
      ...['approval_timed_out', 'decision_unknown_step', 'run_not_found', 'decision_already_made'].map(
        (code) => `late (${code}): ${late}`,
      ),
    ]
    expect(ended.filter((one) => !allowed.includes(one))).toEqual([])
    expect(ended.some((one) => one.startsWith('late'))).toBe(true)
  },
)
