import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { digestOfText } from '../../src/contract/digest.ts'
import { refunded, requestFor, resultOf } from '../cli/waiting-run.ts'
import { until } from '../support/world.ts'
import { refundsFrom, useLiveWorker } from './live.ts'

const CANDIDATE = 'refund-request.candidate.yaml'
const BROKEN = 'workflow: refund_request\nrollbak: {}\n'
const live = useLiveWorker({ [CANDIDATE]: BROKEN })
const WORDS = 'a candidate policy cannot be used, and decides nothing; the policies themselves are in force'

/** A refund of $20.00 that ran by itself, and what its page says. */
async function refund() {
  const { order, request } = await requestFor(live.child())
  const workflowId = `tried-${randomUUID()}`
  const principal = { subject: 'ana@acme.example', workspace: 'acme' }
  const handle = await live.child().client.start('refund_request', request, { principal, workflowId })
  expect(await resultOf(handle)).toMatchObject({ state: 'completed' })
  expect(await refunded(live.child(), order)).toBe(2_000)
  return (await live.child().run(['show', workflowId])).stdout
}

test('a candidate that is broken at the start keeps no worker from starting, and is told', async () => {
  const check = await live.files(() => true)
  expect(check).toMatchObject({ ok: true, warning: true })
  expect(check.what).toContain(`${WORDS}: `)
  expect(check.what).toContain(`${CANDIDATE}:2:1 unknown key \`rollbak\`. did you mean \`rollback\`?`)
  expect(check.todo).toBe('Mend the candidate, or remove it; see `countersign policy check`.')
  expect(await live.says(WORDS)).toMatchObject({ level: 'error' })
  await until('it to be counted', async () => ((await live.failures('candidate_invalid')) > 1 ? true : undefined))
  expect(await refund()).not.toContain('candidate ')
})

test('one that is mended decides beside the policy: the page tells what it would have done, and it is counted', async () => {
  const text = refundsFrom(5, 'deny_if')
  await live.replace(CANDIDATE, text)
  await live.inForce(text, 'candidate')
  await live.files((check) => check.warning === undefined)
  const page = await refund()
  expect(page).toContain(`candidate ${digestOfText(text)}, decides nothing\n`)
  expect(page).toMatch(
    /\ncandidate policy \(decides nothing\)\n {2}`billing\.refund-1`: the candidate policy would have denied it: refund_amount_usd is \$20\.00 .*\n/,
  )
  const counted = await until('it to be counted', async () =>
    (await live.metrics()).split('\n').find((line) => line.startsWith('countersign_candidate_verdicts')),
  )
  expect(counted).toMatch(/^countersign_candidate_verdicts_total\{.*candidate="deny".*tool="billing\.refund".*\} 1$/)
})

test('one that breaks while the worker runs decides nothing from then on, and does not hold up a change of the policy', async () => {
  const policy = refundsFrom(45)
  await live.replace(CANDIDATE, BROKEN)
  await live.replace('refund-request.yaml', policy)
  await live.inForce(policy)
  await live.files((check) => check.warning === true)
  expect(await live.metrics()).not.toContain('mode="candidate"')
  expect(await refund()).not.toContain('candidate ')
  await live.remove(CANDIDATE)
  await live.files((check) => check.warning === undefined)
})
