import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { RunHandle } from '../../src/client/index.ts'
import type { JsonObject } from '../../src/contract/json.ts'
import { createThinker } from '../../src/tools/models/thinker.ts'
import { useWorld, type WorldOptions } from '../support/world.ts'
import { newBoxes } from './boxes.ts'

export const BOX_WORKFLOWS = join(import.meta.dirname, 'playbooks.ts')
export const BOX_POLICIES = join(import.meta.dirname, 'policies')

export const boxThinker = createThinker({
  deterministic: { 'box.guess': () => ({ text: 'a cat' }), 'box.dream': () => ({ text: 'a dream' }) },
  env: {},
})

/** A world of boxes for a test file: its playbooks, and the system that they act on. */
export function useBoxes(options: WorldOptions = {}) {
  const { boxes, tools } = newBoxes()
  const world = useWorld({
    workflows: BOX_WORKFLOWS,
    policies: BOX_POLICIES,
    tools,
    thinker: boxThinker,
    ...options,
  })
  return {
    world,
    boxes,
    start: (playbook: string, request: JsonObject, workflowId = `${playbook}-${randomUUID()}`): Promise<RunHandle> =>
      world().client.start(playbook, request, { principal: { subject: 'ana', workspace: 'boxes' }, workflowId }),
  }
}

/** An item that no other test knows. */
export const newItem = (): string => randomUUID().slice(0, 13)
