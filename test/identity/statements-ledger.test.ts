import { sql } from 'kysely'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runKeyOf } from '../../src/contract/evidence.ts'
import { codeOf } from '../../src/contract/failures.ts'
import type { Statement } from '../../src/contract/statement.ts'
import { hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import { developmentIssuer, signStatement, verifyUse } from '../../src/identity/statements.ts'
import { attemptsSince, logAttempt } from '../../src/ledger/attempts.ts'
import {
  findIssuerKey,
  issuerKeys,
  revokeIssuerKey,
  rotateIssuerKey,
  storeIssuerKey,
} from '../../src/ledger/issuer-keys.ts'
import { useStatement } from '../../src/ledger/statements.ts'
import { useLedger } from '../worker/ledger-case.ts'
import { ABOUTS, ben, useOf } from './saying.ts'

const ledger = useLedger()
const keyOf = (keyId: string) => findIssuerKey(ledger(), keyId)
const runKey = ABOUTS.decide.runKey
const key = hostKeyOf(newHostKey())
const newGatewayKey = () => {
  const { keyId, publicKey } = hostKeyOf(newHostKey())
  return { keyId, publicKey, issuer: 'gateway', development: false }
}
const decide = (): Statement => signStatement(key, { about: ABOUTS.decide, who: ben })

const used = (statement: Statement, run: typeof runKey | null = runKey) =>
  useStatement(ledger(), statement, run).catch((error: unknown) => codeOf(error) ?? String(error))
const rowsOf = async ({ nonce }: Statement): Promise<readonly unknown[]> =>
  (
    await sql`SELECT about, run_key, subject, issuer FROM countersign.statements WHERE nonce = ${nonce}`.execute(
      ledger(),
    )
  ).rows

test('a statement is used once; again by the same, since Temporal retries', async () => {
  const statement = decide()
  expect(await used(statement)).toBe('first')
  expect(await used(statement)).toBe('again')
  expect(await rowsOf(statement)).toEqual([
    { about: 'decide', run_key: runKey, subject: ben.subject, issuer: ben.issuer },
  ])
})

test('a used nonce is refused for another statement, whoever signed it, and for another run', async () => {
  const statement = decide()
  expect(await used(statement)).toBe('first')
  const other = { ...decide(), nonce: statement.nonce }
  expect(await used(other)).toBe('statement_used')
  expect(await used({ ...statement, about: ABOUTS.undo })).toBe('statement_used')
  expect(await used({ ...statement, expiresAt: decide().expiresAt.replace(/\d{3}Z$/, '999Z') })).toBe('statement_used')
  expect(await used(statement, runKeyOf('refund-1', 'run-2'))).toBe('statement_used')
  expect(await rowsOf(statement)).toHaveLength(1)
})

test('the same workflow id, started again, is another run: its start is not used twice', async () => {
  const statement = signStatement(key, { about: ABOUTS.start, who: ben })
  expect(await used(statement, runKeyOf('refund-1', 'run-1'))).toBe('first')
  expect(await used(statement, runKeyOf('refund-1', 'run-9'))).toBe('statement_used')
})

test('a stop is of no run; anything else has to be of one', async () => {
  const stop = signStatement(key, { about: ABOUTS.stop, who: ben })
  expect(await used(stop, null)).toBe('first')
  expect(await used(stop, null)).toBe('again')
  const statement = decide()
  expect(await used(statement, null)).toContain('statements_check')
  expect(await rowsOf(statement)).toEqual([])
})

test('a use that is rolled back has not happened', async () => {
  const statement = decide()
  const rolledBack = ledger()
    .transaction()
    .execute(async (tx) => {
      expect(await useStatement(tx, statement, runKey)).toBe('first')
      throw new Error('on second thoughts')
    })
  await expect(rolledBack).rejects.toThrow('on second thoughts')
  expect(await rowsOf(statement)).toEqual([])
  expect(await used(statement)).toBe('first')
})

const RACES = 100
const RACERS = 5

test(`of ${RACERS} uses of one nonce at once, exactly one statement counts, ${RACES} times`, async () => {
  for (let race = 0; race < RACES; race++) {
    const { nonce } = decide()
    const racers = Array.from({ length: RACERS }, (_, at) => ({
      ...decide(),
      nonce,
      about: { ...ABOUTS.decide, step: `step-${at}` },
    }))
    const outcomes = await Promise.all(racers.map((statement) => used(statement)))
    expect(outcomes.filter((outcome) => outcome === 'first')).toHaveLength(1)
    expect(outcomes.filter((outcome) => outcome === 'statement_used')).toHaveLength(RACERS - 1)
  }
})

test(`of ${RACERS} uses of one statement at once, one is the first and the others are the same again`, async () => {
  for (let race = 0; race < RACES; race++) {
    const statement = decide()
    const outcomes = await Promise.all(Array.from({ length: RACERS }, () => used(statement)))
    expect(outcomes.toSorted()).toEqual([...Array.from({ length: RACERS - 1 }, () => 'again'), 'first'])
  }
})

test('who waits for a use that is rolled back is the first', async () => {
  const statement = decide()
  const { promise: isUsed, resolve: tellUsed } = Promise.withResolvers<undefined>()
  const { promise: mayFail, resolve: letFail } = Promise.withResolvers<undefined>()
  const holder = ledger()
    .transaction()
    .execute(async (tx) => {
      await useStatement(tx, statement, runKey)
      tellUsed(undefined)
      await mayFail
      throw new Error('rolled back')
    })
    .catch(() => 'rolled back')
  await isUsed
  const waiter = used({ ...statement, about: { ...ABOUTS.decide, step: 'other' } })
  letFail(undefined)
  expect([await holder, await waiter]).toEqual(['rolled back', 'first'])
})

test('a key is stored once, and who stores it again changes nothing', async () => {
  const mine = newGatewayKey()
  const stored = await storeIssuerKey(ledger(), mine)
  expect(stored).toMatchObject({ ...mine, validTo: null, revokedAt: null, compromisedAt: null })
  expect(await storeIssuerKey(ledger(), { ...mine, issuer: 'other', development: true })).toEqual(stored)
  expect(await findIssuerKey(ledger(), newGatewayKey().keyId)).toBeUndefined()
})

test('a rotation ends the other keys of that issuer after the overlap, and touches no other', async () => {
  const name = 'rotating'
  const [old, next, revoked] = [newGatewayKey(), newGatewayKey(), newGatewayKey()].map((made) => ({
    ...made,
    issuer: name,
  }))
  const stranger = newGatewayKey()
  if (old === undefined || next === undefined || revoked === undefined) throw new Error('three keys')
  await Promise.all([old, revoked, stranger].map((each) => storeIssuerKey(ledger(), each)))
  await revokeIssuerKey(ledger(), revoked.keyId, { compromised: false })
  const { key: made, ending } = await rotateIssuerKey(ledger(), next, 60)
  expect([made.keyId, made.validTo]).toEqual([next.keyId, null])
  expect(ending.map(({ keyId }) => keyId)).toEqual([old.keyId])
  const until = ending[0]?.validTo?.getTime() ?? 0
  expect(until - Date.now()).toBeGreaterThan(59 * 60_000)
  expect((await findIssuerKey(ledger(), stranger.keyId))?.validTo).toBeNull()
  // A second rotation does not give the first key more time.
  await rotateIssuerKey(ledger(), { ...newGatewayKey(), issuer: name }, 600)
  expect((await findIssuerKey(ledger(), old.keyId))?.validTo?.getTime()).toBe(until)
})

test('a revoked key keeps its time, becomes compromised at most, and is never in force again', async () => {
  const mine = newGatewayKey()
  await storeIssuerKey(ledger(), mine)
  const revoked = await revokeIssuerKey(ledger(), mine.keyId, { compromised: false })
  expect(revoked?.compromisedAt).toBeNull()
  const worse = await revokeIssuerKey(ledger(), mine.keyId, { compromised: true })
  expect(worse?.revokedAt).toEqual(revoked?.revokedAt)
  expect(worse?.compromisedAt).not.toBeNull()
  expect(await revokeIssuerKey(ledger(), mine.keyId, { compromised: false })).toEqual(worse)
  expect(await storeIssuerKey(ledger(), mine)).toEqual(worse)
  expect((await issuerKeys(ledger())).find(({ keyId }) => keyId === mine.keyId)).toEqual(worse)
  expect(await revokeIssuerKey(ledger(), newGatewayKey().keyId, { compromised: true })).toBeUndefined()
})

test('what a key signed before it was revoked counts, and after it was compromised nothing does', async () => {
  const own = hostKeyOf(newHostKey())
  await storeIssuerKey(ledger(), { ...own, issuer: 'gateway', development: false })
  const before = signStatement(own, { about: ABOUTS.decide, who: ben })
  const verify = (statement: Statement) =>
    verifyUse(statement, useOf(ABOUTS.decide), { keyOf }).then(
      () => 'counts',
      (error: unknown) => codeOf(error),
    )
  expect(await verify(before)).toBe('counts')
  await sql`SELECT pg_sleep(0.01)`.execute(ledger())
  await revokeIssuerKey(ledger(), own.keyId, { compromised: false })
  const after = signStatement(own, { about: ABOUTS.decide, who: ben }, { at: new Date(Date.now() + 1_000) })
  expect([await verify(before), await verify(after)]).toEqual(['counts', 'statement_key_revoked'])
  await revokeIssuerKey(ledger(), own.keyId, { compromised: true })
  expect(await verify(before)).toBe('statement_key_revoked')
})

test('an attempt is written as it was, whatever stands in the reason', async () => {
  const refused = { code: 'token_expired', reason: `${'x'.repeat(2_000)}\0` } as const
  const attempt = { source: '127.0.0.1', refused, who: null, about: ABOUTS.stop, signed: null }
  const last = (await attemptsSince(ledger(), '0')).at(-1)?.id ?? '0'
  await logAttempt(ledger(), attempt)
  const signed = { nonce: decide().nonce, keyId: key.keyId }
  const who = { issuer: ben.issuer, subject: ben.subject, workspace: ben.workspace }
  await logAttempt(ledger(), { source: '::1', refused: null, who, about: ABOUTS.start, signed })
  expect(await attemptsSince(ledger(), last)).toMatchObject([
    { ...attempt, refused: { code: 'token_expired', reason: 'x'.repeat(1_000) } },
    { source: '::1', refused: null, who, about: ABOUTS.start, signed },
  ])
})

const folder = mkdtempSync(join(tmpdir(), 'countersign-identity-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the development issuer signs for anybody, and marks it; who does not ask for development refuses it', async () => {
  const { published, signDevelopment } = developmentIssuer(folder)
  expect(statSync(join(folder, 'issuer-key.pem')).mode & 0o777).toBe(0o600)
  expect(developmentIssuer(folder).published).toEqual(published)
  await storeIssuerKey(ledger(), published)
  const { issuer: _, assurance: __, development: ___, ...who } = ben
  const statement = signDevelopment(ABOUTS.decide, who)
  expect(statement.who).toMatchObject({ issuer: 'development', assurance: {}, development: true })
  const verify = (said: Statement, development?: boolean) =>
    verifyUse(said, useOf(ABOUTS.decide), { keyOf, ...(development === undefined ? {} : { development }) }).then(
      () => 'counts',
      (error: unknown) => codeOf(error),
    )
  expect([await verify(statement), await verify(statement, false), await verify(statement, true)]).toEqual([
    'statement_development',
    'statement_development',
    'counts',
  ])
  // Its key vouches for nobody, not even where development is accepted.
  const proven = signStatement(developmentIssuer(folder).key, { about: ABOUTS.decide, who: ben })
  expect(await verify(proven, true)).toBe('statement_development')
})
