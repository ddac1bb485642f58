import { expect, test } from 'vitest'
import { fail, type FailureCode } from '../../src/contract/failures.ts'
import { at, guarded, knowing, ROW, RUN_ID, saying, WORKFLOW_ID, write, type Write } from './refund-case.ts'

const LATER = { workflowId: WORKFLOW_ID, runId: '019a0000-0000-7000-8000-000000000002' }
const runIn = (first: string | undefined): Write => {
  const stores = knowing({ firstRunIdOf: async (workflowId) => (workflowId === WORKFLOW_ID ? first : undefined) })
  return { ...stores, place: at({ workflowExecution: LATER }).place }
}
const row = (change: Partial<typeof ROW>): Write => knowing({ findRun: async () => ({ ...ROW, ...change }) })
const elsewhere = (workflowType: string): Write => ({
  ...row({ workflowType }),
  place: at({ workflowType }).place,
})

test('a write at the place that its warrant names may run', async () => {
  expect(await guarded(write())).toMatchObject({ code: 'accepted', ran: 1 })
})

test('a reset of the run may write, when Temporal says that it belongs to the chain of the run key', async () => {
  expect(await guarded(runIn(RUN_ID))).toMatchObject({ code: 'accepted', ran: 1 })
})

const refused: readonly (readonly [title: string, it: Write, code: FailureCode, why: string])[] = [
  ['outside a workflow', at({ inWorkflow: false }), 'outside_workflow', 'called outside a playbook'],
  ['without a workflow execution', without('workflowExecution'), 'outside_workflow', 'called outside a playbook'],
  ['without a workflow type', without('workflowType'), 'outside_workflow', 'called outside a playbook'],
  [
    'in a workflow of a type that this worker did not register',
    elsewhere('stranger'),
    'outside_workflow',
    '`stranger` is no playbook of this worker',
  ],
  ['as a local activity', at({ isLocal: true }), 'outside_workflow', 'does not run as a local activity'],
  [
    'in a playbook that does not list the tool',
    { ...elsewhere('reply_request'), warrant: write({ workflowType: 'reply_request' }).warrant },
    'tool_not_listed',
    '`reply_request` does not list `billing.refund`',
  ],
  [
    'in another playbook than the one of the warrant',
    elsewhere('other_request'),
    'warrant_mismatch',
    'for another workflow type',
  ],
  [
    'under another activity id than the step',
    at({ activityId: 'billing.refund-2' }),
    'warrant_mismatch',
    'for another step',
  ],
  [
    'in a workflow that the run key does not name',
    at({ workflowExecution: { workflowId: 'refund-1043', runId: RUN_ID } }),
    'warrant_mismatch',
    'the run key is not of the workflow `refund-1043`',
  ],
  [
    'in a workflow whose id is the beginning of that in the run key',
    at({ workflowExecution: { workflowId: 'refund', runId: RUN_ID } }),
    'warrant_mismatch',
    'the run key is not of the workflow `refund`',
  ],
  ['with a run key that names no run', saying({ runKey: 'refund-1042' as never }), 'warrant_mismatch', 'the run key'],
  ['in a run of another chain', runIn(LATER.runId), 'warrant_mismatch', 'does not belong to'],
  ['in a run that Temporal does not know', runIn(undefined), 'warrant_mismatch', 'does not belong to'],
  ['in a run that nobody opened', knowing({ findRun: async () => undefined }), 'run_unknown', 'no worker opened'],
  [
    'in a run that was opened as another playbook',
    row({ workflowType: 'other_request' }),
    'warrant_mismatch',
    'the run is of another workflow type',
  ],
  [
    'under another policy than the one that the run was opened under',
    row({ policyDigest: `sha256:${'0'.repeat(64)}` }),
    'warrant_mismatch',
    'the run was opened under another policy',
  ],
]

test.each(refused)('a write %s is refused for good, and does not run', async (_title, it, code, why) => {
  expect(await guarded(it)).toEqual({ code, why: expect.stringContaining(why), final: true, ran: 0 })
})

const silent = () => Promise.reject(fail('database_unavailable', 'the database did not answer'))
const unanswered: readonly (readonly [title: string, it: Write])[] = [
  ['the runs', knowing({ findRun: silent })],
  ['the policies', knowing({ policyOf: silent })],
  ['the keys', knowing({ verifierOf: silent })],
  ['Temporal', { ...runIn(RUN_ID), stores: knowing({ firstRunIdOf: silent }).stores }],
]

test.each(unanswered)('while %s cannot be asked, a write does not run and may be tried again', async (_title, it) => {
  expect(await guarded(it)).toMatchObject({ code: 'database_unavailable', final: false, ran: 0 })
})

function without(field: 'workflowExecution' | 'workflowType'): Write {
  const { [field]: _left, ...place } = write().place
  return { ...write(), place }
}
