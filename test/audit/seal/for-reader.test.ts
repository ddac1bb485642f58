import { beforeAll, expect, test } from 'vitest'
import type { SealedRun } from '../../../src/audit/seal/bundle.ts'
import { archived } from '../../../src/audit/seal/log.ts'
import { givenKeys, keysOfRun, type RunKeys } from '../../../src/audit/seal/run-keys.ts'
import { erasedSince } from '../../../src/audit/seal/erased.ts'
import { sealRun } from '../../../src/audit/seal/seal-run.ts'
import { type Against, verifyBundle } from '../../../src/audit/verify/verify.ts'
import type { RunKey } from '../../../src/contract/evidence.ts'
import { historyIn } from '../../../src/audit/seal/opened.ts'
import { decryptPayload, encryptPayload } from '../../../src/privacy/codec.ts'
import { ledgerDataKeys } from '../../../src/privacy/data-keys.ts'
import { erase } from '../../../src/privacy/erase.ts'
import { writeBundle } from '../../../src/worker/prebuilt.ts'
import { type CodeOfThen, codeOfThen } from '../../../src/worker/replay-bundle.ts'
import { closedRefund, partsOf, withoutWindow } from '../../privacy/erasing.ts'
import { testMasterKeys } from '../../privacy/keys.ts'
import { useChangedPolicies } from '../../support/own-policies.ts'
import type { Refund } from '../../support/refunds.ts'
import { SHIPPED_WORKFLOWS } from '../../support/world.ts'
import { against, bytesOf, LogOf, newFolder, newSealKey, signerWith } from './log-of.ts'
import { runKeyIn, sealLive } from './runs.ts'

const masterKeys = testMasterKeys()
const world = useChangedPolicies(withoutWindow, { masterKeys })
const [key, witness] = [newSealKey(), newSealKey()]
const MESSAGE = 'My lamp came broken. Please give me $120.00 back, I am at 4 Rose Lane.'

let refund: Refund
let runKey: RunKey
let run: SealedRun
let given: RunKeys
let code: CodeOfThen

const sealing = async () => ({
  client: world().temporal,
  db: world().db,
  namespace: 'default',
  signer: await signerWith(key),
})

async function sealedNow(of: RunKey): Promise<SealedRun> {
  const sealed = await sealRun(await sealing(), of)
  const found = 'index' in sealed ? await archived(world().db, sealed.index) : undefined
  if (found === undefined) throw new Error(sealed.came)
  return found
}

async function keysFor(of: SealedRun): Promise<RunKeys> {
  const { keys } = await keysOfRun(ledgerDataKeys(world().db, masterKeys), of)
  return { runKey: of.record.runKey, keys }
}

/** What an auditor gets to read, with the code of then. */
async function verdictsOn(of: SealedRun, more: Partial<Against> = {}) {
  const log = LogOf.of([of], key)
  const by = { ...against(key, witness, await log.checkpoint()), contracts: code.playbooks, code, ...more }
  const { verdicts, isGood } = await verifyBundle(bytesOf(await log.bundle(of, 0, witness)), by)
  return { isGood, ...Object.fromEntries(verdicts.map(({ check, verdict }) => [check, verdict])), verdicts }
}

beforeAll(async () => {
  const folder = newFolder()
  await writeBundle(SHIPPED_WORKFLOWS, folder)
  code = await codeOfThen(folder)
  refund = await closedRefund(world(), MESSAGE)
  runKey = await runKeyIn(world(), refund.run)
  run = await sealedNow(runKey)
  given = await keysFor(run)
}, 60_000)

const ALL_OK = { record: 'ok', reading: 'ok', policy: 'ok', receipts: 'ok', statements: 'ok', code: 'ok' }

test('without its keys an encrypted run holds, and what it says is sealed', async () => {
  expect(JSON.stringify(run.record)).not.toContain('Rose Lane')
  expect(await verdictsOn(run)).toMatchObject({
    isGood: true,
    envelope: 'ok',
    members: 'ok',
    tree: 'ok',
    record: 'ok',
    reading: 'sealed',
    policy: 'sealed',
    receipts: 'sealed',
    statements: 'sealed',
    code: 'sealed',
  })
})

test('with its keys every verdict is given, from the policy to the code of then', async () => {
  expect(given.keys).toHaveLength(1)
  const told = await verdictsOn(run, { dataKeys: given.keys })
  expect(told.verdicts.filter(({ verdict }) => verdict === 'failed')).toEqual([])
  expect(told).toMatchObject({ isGood: true, ...ALL_OK })
})

test('a data key that is not that of the run is found out', async () => {
  const other = await sealedNow(await runKeyIn(world(), (await closedRefund(world())).run))
  const [mine, theirs] = [given.keys[0], (await keysFor(other)).keys[0]]
  if (mine === undefined || theirs === undefined) throw new Error('there are no keys')
  const moved = await verdictsOn(run, { dataKeys: [theirs] })
  expect(moved).toMatchObject({ isGood: false, reading: 'failed', record: 'ok', policy: 'sealed' })
  const forged = await verdictsOn(run, { dataKeys: [{ ...mine, key: theirs.key }] })
  expect(forged).toMatchObject({ isGood: false, reading: 'failed' })
  expect(forged.verdicts.find(({ check }) => check === 'reading')?.where).toEqual([
    `data key ${mine.keyId}: it opens nothing of what names it`,
  ])
})

/** The history of the run as it would be had its code written down another decision, encrypted like the rest. */
async function otherwiseDecided() {
  const [history] = run.histories
  const [dataKey] = given.keys
  const other = historyIn(history?.history ?? '')
  const scheduled = other.events?.find(
    (event) => event.activityTaskScheduledEventAttributes?.activityId === 'billing.refund-1',
  )?.activityTaskScheduledEventAttributes
  const [payload] = scheduled?.input?.payloads ?? []
  if (!scheduled || !payload || dataKey === undefined) throw new Error('there is no such step')
  const place = { namespace: 'default', workflowId: run.record.workflowId }
  const plain = await decryptPayload(givenKeys([dataKey]), payload, place, { adopts: false })
  const text = Buffer.from(plain.data ?? []).toString()
  const changed = text.replaceAll('"require_approval"', '"allow"')
  expect(changed).not.toBe(text)
  scheduled.input = { payloads: [encryptPayload(dataKey, { ...plain, data: Buffer.from(changed) })] }
  return other
}

test('a wrong decision in an encrypted run is seen by whoever has its keys, and by nobody else', async () => {
  const wrong = await sealLive(world(), runKey, [await otherwiseDecided()], await signerWith(key))
  expect(await verdictsOn(wrong)).toMatchObject({ isGood: true, policy: 'sealed', code: 'sealed' })
  const told = await verdictsOn(wrong, { dataKeys: given.keys })
  const failed = told.verdicts.filter(({ verdict }) => verdict === 'failed')
  expect(failed.map(({ check }) => check)).toEqual(['policy', 'code'])
  expect(failed[0]?.where[0]).toMatch(/the policy decides `require_approval`, and the run says `allow`/)
})

test('a run that was erased after it was sealed: the old file holds and says SEALED, the next seal says ERASED', async () => {
  const before = run
  const erased = await erase(partsOf(world(), masterKeys), {
    subject: refund.order.customerId,
    reason: 'he asked for it',
    by: 'olga@acme.example',
  })
  expect(erased.came).toBe('erased')
  expect(await verdictsOn(before)).toMatchObject({ isGood: true, record: 'ok', reading: 'sealed', receipts: 'sealed' })
  expect(await erasedSince(world().db, before)).toEqual(given.keys.map(({ keyId }) => keyId))
  expect(await keysOfRun(ledgerDataKeys(world().db, masterKeys), before)).toEqual({
    keys: [],
    erased: given.keys.map(({ keyId }) => keyId),
  })

  const again = await sealRun(await sealing(), runKey)
  expect(again.came).toBe('sealed')
  const after = await sealedNow(runKey)
  expect(after.envelope).not.toEqual(before.envelope)
  expect(await verdictsOn(after)).toMatchObject({
    isGood: true,
    envelope: 'ok',
    members: 'ok',
    tree: 'ok',
    record: 'ok',
    reading: 'erased',
    policy: 'erased',
    receipts: 'erased',
    statements: 'erased',
    code: 'erased',
  })
  // Whoever was given the key before reads the file that he had; the new one says that it was erased.
  expect(await verdictsOn(after, { dataKeys: given.keys })).toMatchObject({ isGood: true, reading: 'erased' })
  expect((await sealRun(await sealing(), runKey)).came).toBe('already')
}, 60_000)
