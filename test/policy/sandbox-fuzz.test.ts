import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Facts } from '../../src/contract/fact.ts'
import { pay } from './fake-playbook.ts'
import { fuzzing } from './fuzzing.ts'
import { DOMAIN, policyAbout } from './random-policy.ts'
import { sameEverywhere } from './same-everywhere.ts'

const runs = fuzzing('sandbox-fuzz')

const names = Object.keys(pay.declares)

/** Values of the domain, and texts in every script and none. */
const facts = fc
  .record({
    ...Object.fromEntries(names.map((name) => [name, fc.constantFrom(...(DOMAIN[name] ?? []))])),
    reason: fc.oneof(
      fc.constantFrom(...(DOMAIN['reason'] ?? [])),
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({ unit: 'grapheme', maxLength: 200 }),
    ),
  })
  .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Facts)

test('the sandbox, a host and Node decide the same, in every word', { timeout: 120_000 }, async () => {
  const asked = fc.sample(fc.record({ policy: policyAbout(names), facts }), runs(5_000))
  const told = await sameEverywhere(asked)
  expect(told).toHaveLength(asked.length)
  expect(new Set(told.map(({ effect }) => effect))).toEqual(new Set(['allow', 'require_approval', 'escalate', 'deny']))
})
