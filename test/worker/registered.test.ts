import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import { expect, test } from 'vitest'
import { sampleThoughts, sampleTools } from '../../activities/index.ts'
import { codeOf } from '../../src/contract/failures.ts'
import { hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import { openDatabase } from '../../src/ledger/database.ts'
import { createThinker } from '../../src/tools/models/thinker.ts'
import { activitiesOf } from '../../src/worker/host.ts'
import { readPlaybooks, registryOf } from '../../src/worker/registry.ts'
import { SHIPPED_WORKFLOWS } from '../support/world.ts'

let ran = 0
const counting = (): Promise<never> => {
  ran += 1
  return Promise.reject(new Error('it ran'))
}
const PARTS = ['execute', 'preview', 'undo', 'probe'] as const
/** The shipped tools, of which nothing is left but that they count. */
const tools = sampleTools.map((how) => ({
  ...how,
  ...Object.fromEntries(PARTS.filter((part) => part in how).map((part) => [part, counting])),
}))
const registry = registryOf(await readPlaybooks(SHIPPED_WORKFLOWS), tools)
const activities = activitiesOf({
  // Nobody listens there, and nobody has to: what is refused here is refused before the database is asked.
  db: openDatabase('postgres://127.0.0.1:1/none', () => {}),
  key: hostKeyOf(newHostKey()),
  registry,
  thinker: createThinker({ deterministic: sampleThoughts, env: {} }),
  pinned: () => undefined,
  buildId: 'test',
})

const OWN = [
  'countersign.openRun',
  'countersign.recall',
  'countersign.spent',
  'countersign.hear',
  'countersign.notify',
  'countersign.seal',
  'model.think',
  'default',
]
const names = (kind: string) =>
  tools.filter(({ contract }) => contract.kind === kind).map(({ contract }) => contract.name)

test('an activity is a part of a tool that a playbook lists, or one of the kernel’s own, and nothing else is registered', () => {
  const ofTools = [...names('read'), ...names('write').flatMap((name) => [name, `${name}.preview`, `${name}.undo`])]
  expect(Object.keys(activities).toSorted()).toEqual([...OWN, ...ofTools].toSorted())
})

test('what is registered is the guarded function, never that of the tool', () => {
  const own = tools.flatMap((how) => PARTS.map((part) => (how as unknown as Record<string, unknown>)[part]))
  for (const activity of Object.values(activities)) expect(own).not.toContain(activity)
})

const NOWHERE = { inWorkflow: false, workflowExecution: undefined, workflowType: undefined } as never
const call = { runKey: 'run/1', step: 'one', thought: 'refund.readClaim', input: {}, start: {} }

test.each(Object.keys(activities))(
  '%s refuses whoever calls it with nothing, or from nowhere, and no tool runs',
  async (name) => {
    for (const argument of [undefined, null, 'text', {}, { warrant: {} }, call]) {
      const environment = new MockActivityEnvironment(NOWHERE, { logger: new DefaultLogger('ERROR') })
      const activity = activities[name] as (given: unknown) => Promise<unknown>
      const said = await environment.run(activity, argument).then(
        () => 'it answered',
        (error: unknown) => ({ code: codeOf(error), final: (error as { nonRetryable?: boolean }).nonRetryable }),
      )
      const codes = ['outside_workflow', 'warrant_missing', 'request_invalid', 'activity_unknown']
      expect(said).toEqual({ code: expect.toBeOneOf(codes), final: true })
    }
    expect(ran).toBe(0)
  },
)
