import type { WorkflowExecutionInfo } from '@temporalio/client'
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import { RUN_STATES, type RunState } from '../contract/states.ts'
import { versionIn, type WorkerVersion } from '../contract/version.ts'
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
  /** The version of the workers that the run is pinned to; `null` before a worker has taken it up. */
  readonly version: WorkerVersion | null
  readonly taskQueue: string
  readonly spendMicroUsd: number
  readonly startedAt: string
  readonly closedAt: string | null
}

type Execution = Pick<
  WorkflowExecutionInfo,
  'workflowId' | 'runId' | 'type' | 'taskQueue' | 'typedSearchAttributes' | 'startTime'
> & {
  readonly closeTime?: Date | undefined
}

/** Temporal's own: `deployment:build id`. */
const VERSION = defineSearchAttributeKey('TemporalWorkerDeploymentVersion', SearchAttributeType.KEYWORD)

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
    version: versionIn(attributes.get(VERSION) ?? '') ?? null,
    taskQueue: info.taskQueue,
    spendMicroUsd: attributes.get(SEARCH_ATTRIBUTES.spend) ?? 0,
    startedAt: info.startTime.toISOString(),
    closedAt: info.closeTime?.toISOString() ?? null,
  }
}
