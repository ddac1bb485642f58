import { expect, test } from 'vitest'
import { digestOf } from '../../src/contract/digest.ts'
import { attemptsSince } from '../../src/ledger/attempts.ts'
import { Residency } from '../../src/privacy/residency.ts'
import { tokensOfPerson, useGateway } from '../gateway/gateway-world.ts'

const here = { namespace: 'default', taskQueue: 'countersign', database: 'db.acme.example:5432/ledger' }
const homes = new Map([
  ['acme', here],
  ['other', { ...here, database: 'db.other.example:5432/ledger' }],
])
// It asks no Temporal, so it knows of no namespace and no task queue.
const world = useGateway({
  residency: new Residency({ homes, others: 'refuse' }, { database: 'db.acme.example:5432/ledger' }),
})

const startIn = (workspace: string) => ({
  kind: 'start',
  workflowId: 'refund-1',
  playbook: 'refund_request',
  requestDigest: digestOf({}),
  workspace,
})

test('the gateway signs in a workspace that is at home in its database, and nothing in another one', async () => {
  const { access_token: token } = await tokensOfPerson(world().provider, 'ana')
  expect((await world().post(token, { about: startIn('acme') })).status).toBe(201)
  const refused = await world().post(token, { about: startIn('other') })
  expect([refused.status, await refused.json()]).toMatchObject([403, { code: 'workspace_elsewhere' }])
  expect((await attemptsSince(world().db, '0')).at(-1)).toMatchObject({
    refused: { code: 'workspace_elsewhere' },
    signed: null,
  })
})
