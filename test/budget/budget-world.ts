import { randomUUID } from 'node:crypto'
import { afterAll } from 'vitest'
import type { RunHandle } from '../../src/client/index.ts'
import { createThinker } from '../../src/tools/models/thinker.ts'
import { query, useWorld, type World, type WorldOptions } from '../support/world.ts'
import { fakeModel, type FakeModel } from './model.ts'
import { budgetProject } from './project.ts'

export const REQUESTER = { subject: 'ana', workspace: 'boxes' }

/** An item that no other test knows, and what it is worth where it is worth something. */
export const newItem = (worth = ''): string => `${randomUUID().slice(0, 13)}/${worth}`

/** The project with a model that thinks for it. */
export function budgets(model: FakeModel) {
  const { boxes, project } = budgetProject()
  const thinker = createThinker({ models: model.config, deterministic: {}, env: {} })
  return { boxes, options: { ...project, thinker } satisfies WorldOptions }
}

export type BudgetRequest = { readonly item: string; readonly thinks?: number; readonly looks?: number }

export const startIn = ({ client }: Pick<World, 'client'>, playbook: string, request: BudgetRequest) =>
  client.start(playbook, request, { principal: REQUESTER, workflowId: `${playbook}-${randomUUID()}` })

/** A world of them for a test file. */
export async function useBudgets() {
  const model = await fakeModel()
  const { boxes, options } = budgets(model)
  const world = useWorld(options)
  afterAll(() => model[Symbol.asyncDispose]())
  return {
    world,
    boxes,
    model,
    start: (playbook: string, request: BudgetRequest) => startIn(world(), playbook, request),
    /** The model calls of a run, as the ledger has them. */
    callsOf: async ({ workflowId }: Pick<RunHandle, 'workflowId'>) =>
      (
        await query(
          world().databaseUrl,
          `SELECT step, attempt, call, reserved_micro_usd::int AS reserved, micro_usd::int AS settled
           FROM countersign.model_calls WHERE run_key LIKE $1 || '/%' ORDER BY id`,
          [workflowId],
        )
      ).rows,
  }
}
