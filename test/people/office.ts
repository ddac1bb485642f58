import { WorkflowNotFoundError } from '@temporalio/client'
import { sql } from 'kysely'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { beforeAll } from 'vitest'
import {
  type Answer,
  CountersignClient,
  type PendingApproval,
  type RunHandle,
  type StatementSource,
} from '../../src/client/index.ts'
import type { RunKey } from '../../src/contract/evidence.ts'
import { codeOf } from '../../src/contract/failures.ts'
import type { JsonObject } from '../../src/contract/json.ts'
import { type About, type Identity, namesOf, type Statement, statementText } from '../../src/contract/statement.ts'
import { type HostKey, hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import { type SignOptions, signStatement } from '../../src/identity/statements.ts'
import type { LedgerDatabase } from '../../src/ledger/database.ts'
import { effectsOf } from '../../src/ledger/effects.ts'
import { revokeIssuerKey, storeIssuerKey } from '../../src/ledger/issuer-keys.ts'
import { boxThinker, newItem } from '../kernel/box-world.ts'
import { newBoxes } from '../kernel/boxes.ts'
import { until, useWorld, type WorldOptions } from '../support/world.ts'

/** The key of the gateway, and others that a gateway had. */
export const GATEWAY = hostKeyOf(newHostKey())
export const KEYS = {
  revoked: hostKeyOf(newHostKey()),
  compromised: hostKeyOf(newHostKey()),
  ended: hostKeyOf(newHostKey()),
  coming: hostKeyOf(newHostKey()),
  development: hostKeyOf(newHostKey()),
  /** Nobody published it. */
  unknown: hostKeyOf(newHostKey()),
} as const

/** Somebody as a gateway knows him. */
export const person = (name: string, groups: readonly string[] = [], more: Partial<Identity> = {}): Identity => ({
  subject: `${name}@acme.example`,
  issuer: 'https://login.acme.example',
  kind: 'user',
  groups: namesOf(groups),
  scopes: ['box:use'],
  workspace: 'boxes',
  assurance: { acr: 'urn:mfa' },
  development: false,
  ...more,
})

export const ANA = person('ana')
export const BEN = person('ben', ['approvers'])
export const CLEO = person('cleo', ['approvers', 'operators'])
export const OTTO = person('otto', ['operators'], {
  scopes: ['box:use', 'countersign:resume:all', 'countersign:stop:all'],
})
export const EVE = person('eve', ['support'])

/** What the gateway signs of somebody. */
export const signed = (about: About, who: Identity, options: SignOptions = {}, key = GATEWAY): Statement =>
  signStatement(key, { about, who }, options)

/** Signs whatever it is, though no honest issuer would. */
export function signedAnyhow(statement: object, key: HostKey = GATEWAY): object {
  const text = statementText(statement as Statement)
  return { ...statement, signature: key.sign(text) }
}

/** The gateway, for whoever has this person's token. */
const gatewayOf =
  (who: Identity): StatementSource =>
  async (about) =>
    signed(about, who)

/** Publishes the keys of `KEYS`, each with its flaw. */
export async function publish(db: LedgerDatabase): Promise<void> {
  const store = (key: HostKey, development = false) =>
    storeIssuerKey(db, { keyId: key.keyId, publicKey: key.publicKey, issuer: 'gateway', development })
  const { unknown: _, development, ...published } = KEYS
  await Promise.all([...Object.values(published), GATEWAY].map((key) => store(key)))
  await store(development, true)
  await sql`UPDATE countersign.issuer_keys SET valid_from = now() - interval '1 day'`.execute(db)
  const ended = sql`UPDATE countersign.issuer_keys SET valid_to = now() - interval '1 hour' WHERE key_id = ${KEYS.ended.keyId}`
  const coming = sql`UPDATE countersign.issuer_keys SET valid_from = now() + interval '1 hour' WHERE key_id = ${KEYS.coming.keyId}`
  await ended.execute(db)
  await coming.execute(db)
  await revokeIssuerKey(db, KEYS.revoked.keyId, { compromised: false })
  await revokeIssuerKey(db, KEYS.compromised.keyId, { compromised: true })
}

export type Waiting = Extract<PendingApproval, { readonly about: 'action' }>

/** A worker that is not for development, boxes, and people whom a gateway knows. */
export function useOffice(options: WorldOptions = {}) {
  const { boxes, tools } = newBoxes()
  const world = useWorld({
    workflows: join(import.meta.dirname, 'playbooks.ts'),
    policies: join(import.meta.dirname, 'policies'),
    tools,
    thinker: boxThinker,
    isProduction: true,
    ...options,
  })
  beforeAll(() => publish(world().db))

  const as = (who: Identity): CountersignClient =>
    new CountersignClient(world().temporal, { taskQueue: world().taskQueue, statements: gatewayOf(who) })
  const start = (
    playbook: string,
    request: JsonObject,
    who: Identity = ANA,
    { workflowId = `${playbook}-${randomUUID()}`, onBehalfOf }: { workflowId?: string; onBehalfOf?: string } = {},
  ): Promise<RunHandle> =>
    as(who).start(playbook, request, { principal: { workspace: who.workspace, onBehalfOf }, workflowId })
  /** A run that puts one item into a box, which may need people. */
  const putting = (
    item: string,
    who = ANA,
    more: { workflowId?: string; onBehalfOf?: string } = {},
  ): Promise<RunHandle> => start('chain', { acts: [{ tool: 'put', item }] }, who, more)
  const pendingOf = (run: RunHandle, except?: string): Promise<Waiting> =>
    until(`a question of ${run.workflowId}`, async () => {
      const [pending] = (await run.status()).pending
      return pending?.about === 'action' && pending.actionDigest !== except ? pending : undefined
    })
  /** The code of a refusal, or `accepted`. */
  const tell = (workflowId: string, name: 'decide' | 'undo' | 'resolve', message: unknown): Promise<string> =>
    world()
      .temporal.workflow.getHandle(workflowId)
      .executeUpdate<Answer, [unknown]>(name, { args: [message] })
      .then(
        (answer) => (answer.accepted ? 'accepted' : answer.code),
        (error: unknown) =>
          error instanceof WorkflowNotFoundError ? 'run_not_found' : (codeOf(error) ?? String(error)),
      )
  return {
    world,
    boxes,
    as,
    start,
    putting,
    pendingOf,
    tell,
    /** A run that waits for an approver of one item. */
    waiting: async (kind = 'ask', who = ANA, onBehalfOf?: string) => {
      const item = `${newItem()}/${kind}`
      const run = await putting(item, who, onBehalfOf === undefined ? {} : { onBehalfOf })
      const pending = await pendingOf(run)
      return { item, run, pending, runKey: pending.action.runKey }
    },
    /** What the ledger has of the steps of a run. */
    ledgerOf: async (runKey: RunKey): Promise<readonly string[]> =>
      (await effectsOf(world().db, runKey)).map(({ step, state }) => `${step}: ${state}`),
  }
}

export type Office = ReturnType<typeof useOffice>
