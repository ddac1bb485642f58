import type { WorkflowExecutionInfo } from '@temporalio/client'
import { RUN_STATES, type RunState } from '../contract/states.ts'
import { SEARCH_ATTRIBUTES } from '../contract/wire.ts'

/** A run as lists show it, from what Temporal knows without asking a worker. */
export interface RunSummary {
  readonly workflowId: string
  /** Of the latest execution; a reset makes another one. */
  readonly runId: string
  readonly playbook: string
  readonly state: RunState | 'unknown'
  readonly waitingFor: string | null
  readonly workspace: string | null
  readonly spendMicroUsd: number
  readonly startedAt: string
  readonly closedAt: string | null
}

type Execution = Pick<
  WorkflowExecutionInfo,
  'workflowId' | 'runId' | 'type' | 'typedSearchAttributes' | 'startTime'
> & {
  readonly closeTime?: Date | undefined
}

/** Reads the search attributes of a workflow execution. */
export function summaryOf(info: Execution): RunSummary {
  const attributes = info.typedSearchAttributes
  const state = attributes.get(SEARCH_ATTRIBUTES.state)
  return {
    workflowId: info.workflowId,
    runId: info.runId,
    playbook: info.type,
    state: RUN_STATES.find((one) => one === state) ?? 'unknown',
    waitingFor: attributes.get(SEARCH_ATTRIBUTES.waitingFor) ?? null,
    workspace: attributes.get(SEARCH_ATTRIBUTES.workspace) ?? null,
    spendMicroUsd: attributes.get(SEARCH_ATTRIBUTES.spend) ?? 0,
    startedAt: info.startTime.toISOString(),
    closedAt: info.closeTime?.toISOString() ?? null,
  }
}
