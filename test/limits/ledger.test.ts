import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { LedgerState, Warrant } from '../../src/contract/action.ts'
import { digestOf } from '../../src/contract/digest.ts'
import { runKeyOf } from '../../src/contract/evidence.ts'
import { codeOf, fail } from '../../src/contract/failures.ts'
import { hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import { insertRun } from '../../src/ledger/runs.ts'
import { PLAIN } from '../../src/privacy/sealed.ts'
import type { Policy } from '../../src/policy/types.ts'
import type { WriteImplementation } from '../../src/tools/implementation.ts'
import { countsOf } from '../../src/worker/limits.ts'
import { executeOnce } from '../../src/worker/writes.ts'
import { put } from '../kernel/contracts.ts'
import { putting, runOf, useLedger } from '../worker/ledger-case.ts'

const ledger = useLedger()
const key = hostKeyOf(newHostKey())

/** Puts something in a system of its own, as a run of its own; one may stand in a workspace. What it comes to. */
async function putAs(
  run: string,
  how: { readonly workspace: string; readonly business?: string; readonly execute?: () => Promise<unknown> },
): Promise<string> {
  const { workspace, business } = how
  const runKey = runKeyOf(run, 'run')
  const businessKey = business === undefined ? null : digestOf({ business })
  const principal = { ...runOf(runKey).principal, workspace }
  await insertRun(ledger(), { ...runOf(runKey), principal })
  const step = { ...putting('box.put-1'), runKey }
  const tool = { contract: put, execute: how.execute ?? (async () => ({ item: 'cat', number: 1 })) }
  const warrant = { ...step, principal, expect: {}, facts: {}, evidence: [] } as unknown as Warrant
  const limit = { id: 'limits.one', tool: put.name, per: 'workspace', windowMinutes: 60, onReached: 'deny' } as const
  const policy = { limits: [{ ...limit, measure: { kind: 'count', most: 1 } }] } as unknown as Policy
  const counts = countsOf(policy, put, step.input, warrant, { workflowType: 'boxes', principal })
  const asked = { raw: step.input, parsed: step.input }
  const write = tool as unknown as WriteImplementation
  return await new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') })
    .run(() => executeOnce({ db: ledger(), key, principal, sealer: PLAIN }, write, asked, warrant, businessKey, counts))
    .then(
      () => 'done',
      (error: unknown) => codeOf(error) ?? String(error),
    )
}

const STATES: readonly (readonly [LedgerState, boolean])[] = [
  ['claimed', true],
  ['sent', true],
  ['done', true],
  ['unknown', true],
  ['failed', false],
  ['undone', false],
  ['barred', false],
]

test.each(STATES)('an effect that is %s counts: %s', async (state, counts) => {
  const workspace = `of-${state}`
  expect(await putAs(`${workspace}-1`, { workspace })).toBe('done')
  await sql`UPDATE countersign.effects SET state = ${state} WHERE run_key = ${`${workspace}-1/run`}`.execute(ledger())
  expect(await putAs(`${workspace}-2`, { workspace })).toBe(counts ? 'limit_reached' : 'done')
  expect(await putAs(`${workspace}-3`, { workspace: `${workspace}-other` })).toBe('done')
})

test('an attempt that came to nothing does not count against the next one of its own step, and that one counts once', async () => {
  const workspace = 'again'
  const nothing = () => Promise.reject(fail('precondition_failed', 'the box is shut'))
  expect(await putAs('again-1', { workspace, execute: nothing })).toBe('precondition_failed')
  expect(await putAs('again-1', { workspace })).toBe('done')
  // What is done answers, and is not measured again.
  expect(await putAs('again-1', { workspace })).toBe('done')
  expect(await putAs('again-2', { workspace })).toBe('limit_reached')
  const { rows } = await sql`SELECT run_key FROM countersign.counts WHERE run_key LIKE 'again-%'`.execute(ledger())
  expect(rows).toEqual([{ run_key: 'again-1/run' }])
})

test('a case that another run did is told as that, and not as a limit or a broken transaction', async () => {
  const business = 'one'
  const nothing = () => Promise.reject(fail('precondition_failed', 'the box is shut'))
  expect(await putAs('case-1', { workspace: 'case-a', business, execute: nothing })).toBe('precondition_failed')
  expect(await putAs('case-2', { workspace: 'case-b', business })).toBe('done')
  expect(await putAs('case-3', { workspace: 'case-c', business })).toBe('request_repeated')
  expect(await putAs('case-1', { workspace: 'case-a', business })).toBe('request_repeated')
})

test('two names that look alike are one, and one that is not known is refused, not counted', async () => {
  expect(await putAs('alike-1', { workspace: 'Alike Ltd' })).toBe('done')
  expect(await putAs('alike-2', { workspace: 'ＡLIKE\u200B  ltd' })).toBe('limit_reached')
  expect(await putAs('nobody', { workspace: '\u200B' })).toBe('limit_reached')
})
