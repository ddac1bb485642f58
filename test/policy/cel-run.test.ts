import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { startRefund } from '../support/refunds.ts'
import { useWorld } from '../support/world.ts'

const policies = await mkdtemp(join(tmpdir(), 'countersign-policies-'))
await cp(join(import.meta.dirname, '..', '..', 'policies'), policies, { recursive: true })
await writeFile(
  join(policies, 'refund-request.yaml'),
  `workflow: refund_request
rules:
  - { id: twice, effect: deny, when: { cel: "refund_amount_usd * 2 > refunded_total_usd + 100" } }
`,
)
afterAll(() => rm(policies, { recursive: true }))
const world = useWorld({ policies })

test('kernel and host decide a refund by an expression: what it denies is refused, what it lets pass is refunded', async () => {
  const denied = await startRefund(world(), { amountCents: 10_001 })
  expect(await denied.run.result()).toMatchObject({
    state: 'refused',
    because: {
      code: 'denied_by_policy',
      message:
        "`refund_amount_usd * 2 > refunded_total_usd + 100` holds: refund_amount_usd is $100.01 (a model's word), refunded_total_usd is $100.01 (a model's word)",
    },
    effects: [],
  })
  const refunded = await startRefund(world(), { amountCents: 10_000 })
  expect(await refunded.run.result()).toMatchObject({ state: 'completed' })
})
