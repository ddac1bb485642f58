import { ActivityFailure, proxyActivities, proxyLocalActivities, workflowInfo } from '@temporalio/workflow'
import { actionDigestOf, inputDigestOf, undoPathOf, type Warrant } from '../../../src/contract/action.ts'
import { factsOfAction, trustOfFacts } from '../../../src/contract/derive.ts'
import { runKeyOf } from '../../../src/contract/evidence.ts'
import { failureOf } from '../../../src/contract/failures.ts'
import type { StartMessage } from '../../../src/contract/run.ts'
import { WIRE } from '../../../src/contract/wire.ts'
import type { OpenedRun } from '../../../src/policy/types.ts'
import { WRITES } from './contracts.ts'
import type { Leg } from './request.ts'

type Activities = Record<string, (argument: unknown) => Promise<unknown>>

/** What a host said to warrants that were made up: its code, or `done`. */
export interface Forged {
  readonly forged: readonly string[]
}

/** Calls the host's tools with warrants that say that the policy allowed what it would have asked people about. */
export async function forge(start: StartMessage, legs: readonly Leg[]): Promise<Forged> {
  const { workflowId, firstExecutionRunId, workflowType } = workflowInfo()
  const runKey = runKeyOf(workflowId, firstExecutionRunId)
  const local = proxyLocalActivities<Activities>({ startToCloseTimeout: '10 s' })
  const openRun = local[WIRE.activities.openRun] as Activities[string]
  const opened = (await openRun({ runKey, start })) as OpenedRun
  const forged: string[] = []
  for (const [at, { via, ...input }] of legs.entries()) {
    const tool = WRITES[via]
    const step = `${tool.name}-${at + 1}`
    const facts = factsOfAction(tool, input, [])
    const trust = trustOfFacts(tool, facts)
    const action = { runKey, step, tool: tool.name, input, facts, trust, evidence: [], changes: [], expect: {} }
    const warrant: Warrant = {
      v: 1,
      kind: 'act',
      runKey,
      workflowType,
      step,
      tool: tool.name,
      principal: opened.principal,
      plan: null,
      policyDigest: opened.policyDigest,
      inputDigest: inputDigestOf(tool.name, input),
      actionDigest: actionDigestOf({ ...action, policyDigest: opened.policyDigest }),
      facts,
      trust,
      evidence: [],
      decision: { effect: 'allow', matches: [] },
      approvals: [],
      changes: [],
      expect: {},
      undo: undoPathOf(tool, opened.policy.rollback),
      issuedAt: new Date().toISOString(),
    }
    const retry = { maximumAttempts: 1 }
    const calls = proxyActivities<Activities>({ startToCloseTimeout: '10 s', activityId: step, retry })
    try {
      await (calls[tool.name] as Activities[string])({ input, warrant })
      forged.push('done')
    } catch (error) {
      forged.push(failureOf(error instanceof ActivityFailure ? error.cause : error)?.code ?? String(error))
    }
  }
  return { forged }
}
