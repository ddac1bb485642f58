import { expect, test } from 'vitest'
import { delegations, storeDelegation } from '../../src/ledger/people.ts'
import { useLedger } from '../worker/ledger-case.ts'
import { person, signed } from './office.ts'

const ledger = useLedger()

test('a delegation is ended from any account of whoever made it, and in any letters', async () => {
  const to = 'bob@acme.example'
  const until = (ms: number) => new Date(Date.now() + ms).toISOString()
  const say = (who: ReturnType<typeof person>, ms: number) =>
    storeDelegation(ledger(), signed({ kind: 'delegate', to, group: 'finance', until: until(ms) }, who))
  const inForce = async () => (await delegations(ledger())).map(({ from }) => from)
  await say(person('ana', ['finance']), 86_400_000)
  expect(await inForce()).toEqual(['ana@acme.example'])
  const elsewhere = { issuer: 'https://login.partner.example', subject: 'ANA@acme.example' }
  await say(person('ana', ['finance'], elsewhere), -1_000)
  expect(await inForce()).toEqual([])
})
