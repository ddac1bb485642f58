import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCheckpoint } from '../../../src/audit/seal/checkpoint.ts'
import {
  archived,
  bundleOf,
  latestCheckpoint,
  LogError,
  logSize,
  sealsOf,
  treeOf,
} from '../../../src/audit/seal/log.ts'
import { checkpointIn, exportLog, tilesIn, wrongInLog } from '../../../src/audit/seal/log-folder.ts'
import { publish } from '../../../src/audit/seal/publish.ts'
import { Remembered } from '../../../src/audit/seal/remembered.ts'
import { sealRun } from '../../../src/audit/seal/seal-run.ts'
import { readSealed } from '../../../src/audit/seal/sealed.ts'
import { type Served, serve, witnessApp } from '../../../src/audit/seal/signer-http.ts'
import { checkLog } from '../../../src/audit/verify/check-log.ts'
import { verifyBundle } from '../../../src/audit/verify/verify.ts'
import type { RunHandle } from '../../../src/client/index.ts'
import { approvalOf, pendingOf, startRefund } from '../../support/refunds.ts'
import { query, useWorld } from '../../support/world.ts'
import { newFolder, newSealKey, ORIGIN, signerWith, WITNESS } from './log-of.ts'
import { runKeyIn } from './runs.ts'

const world = useWorld()
const [key, witnessKey] = [newSealKey(), newSealKey()]
let signer: Awaited<ReturnType<typeof signerWith>>
let witness: Served

beforeAll(async () => {
  signer = await signerWith(key)
  const logKeys = [{ name: ORIGIN, publicKey: key.publicKey }]
  const remembered = await Remembered.in(join(newFolder(), 'seen'), ORIGIN)
  witness = await serve(witnessApp({ name: WITNESS, key: witnessKey, logKeys, remembered }), {
    host: '127.0.0.1',
    port: 0,
  })
})
afterAll(() => witness.close())

const sealing = () => ({ client: world().temporal, db: world().db, namespace: 'default', signer })
const asked = () => [{ url: `http://${witness.at}`, publicKey: witnessKey.publicKey }]
const publishNow = () => publish({ db: world().db, signer, witnesses: asked() })
const seal = async (run: RunHandle) => await sealRun(sealing(), await runKeyIn(world(), run))

/** What an auditor has who pinned the newest checkpoint. */
async function held() {
  const latest = await latestCheckpoint(world().db)
  const pinned = readCheckpoint(latest?.text ?? '')
  if (pinned === undefined) throw new Error('there is no checkpoint')
  return { keys: [key.publicKey], witnessKeys: [witnessKey.publicKey], pinned }
}

test('a run is sealed once as it is; one that went on gets a further seal, which names the one before', async () => {
  const { run } = await startRefund(world(), { amountCents: 12_000 })
  const pending = await pendingOf(run)
  const first = await seal(run)
  expect(first).toMatchObject({ came: 'sealed', state: 'running' })
  const { index } = first as { readonly index: number }
  expect(await seal(run)).toEqual({ came: 'already', index, state: 'running' })
  await run.decide(approvalOf(pending))
  await run.outcome()
  await run.undo({ by: 'olga@acme.example' })
  await run.result()
  // At once, and by several: one of them does it.
  const many = await Promise.all([seal(run), seal(run), seal(run)])
  expect(many.map(({ came }) => came).toSorted()).toEqual(['already', 'already', 'sealed'])
  const seals = await sealsOf(world().db, await runKeyIn(world(), run))
  expect(seals.map(({ state }) => state)).toEqual(['running', 'reverted'])
  const [one, two] = seals
  expect(two?.before).toBe(one?.index)
  const said = readSealed(Buffer.from((await archived(world().db, two?.index ?? 0))?.envelope.payload ?? '', 'base64'))
  expect(said.before).toEqual({ index: one?.index, envelope: one?.envelope })
})

test('the bundle of a sealed run holds, also against a checkpoint of before and of after it', async () => {
  const { run } = await startRefund(world())
  await run.outcome()
  await publishNow()
  const before = await held()
  const sealed = await seal(run)
  if (!('index' in sealed)) throw new Error('it was not sealed')
  const { checkpoint, refused } = await publishNow()
  expect([checkpoint?.size, checkpoint?.cosignatures.length, refused]).toEqual([await logSize(world().db), 1, []])
  const after = await held()
  const bundle = await bundleOf(world().db, sealed.index)
  const verified = await verifyBundle(Buffer.from(bundle), after)
  expect(verified.verdicts.filter(({ verdict }) => verdict !== 'ok').map(({ check }) => check)).toEqual([
    'policy',
    'code',
  ])
  expect(verified).toMatchObject({ isGood: true, ignored: [] })
  // Of another size, it has to be shown that both are of one log.
  expect((await verifyBundle(Buffer.from(bundle), before)).isGood).toBe(false)
  const shown = await bundleOf(world().db, sealed.index, before.pinned.size)
  expect((await verifyBundle(Buffer.from(shown), before)).isGood).toBe(true)
  const folder = newFolder()
  await exportLog(world().db, folder)
  const tiles = tilesIn(folder, after.pinned.size)
  expect((await verifyBundle(Buffer.from(bundle), { ...before, tiles })).isGood).toBe(true)
})

test('the log has no gap, takes no other row back, and its tree is that of its leaves', async () => {
  const { rows } = await query(world().databaseUrl, 'SELECT index FROM countersign.log_leaves ORDER BY index')
  expect(rows.map(({ index }) => index)).toEqual(rows.map((_, at) => at))
  const tables = ['log_leaves', 'log_tiles', 'log_checkpoints', 'log_cosignatures', 'archive', 'key_issues']
  for (const table of tables) {
    for (const change of [`DELETE FROM countersign.${table}`, `TRUNCATE countersign.${table} CASCADE`]) {
      await expect(query(world().databaseUrl, change)).rejects.toThrow(/rows are only ever added/)
    }
  }
  await expect(query(world().databaseUrl, 'UPDATE countersign.archive SET bundle = bundle')).rejects.toThrow(/UPDATE/)
  expect(await logSize(world().db)).toBe(rows.length)
})

test('a signer that is away keeps nothing from being sealed later, and nothing is sealed twice', async () => {
  const { run } = await startRefund(world())
  await run.outcome()
  const runKey = await runKeyIn(world(), run)
  const away = { seal: () => Promise.reject(new Error('the signer did not answer')) }
  await expect(sealRun({ ...sealing(), signer: away }, runKey)).rejects.toThrow(/did not answer/)
  expect(await sealsOf(world().db, runKey)).toEqual([])
  expect(await seal(run)).toMatchObject({ came: 'sealed' })
  // It was sealed, and the process died before the log was signed: the next one signs it with what comes after.
  const stays = await signer.checkpoint({ ...(await stepNow()) })
  expect(readCheckpoint(stays)?.size).toBe(await logSize(world().db))
  expect((await publishNow()).checkpoint?.size).toBe(await logSize(world().db))
})

async function stepNow() {
  const { db } = world()
  const size = await logSize(db)
  const old = (await latestCheckpoint(db))?.size ?? 0
  const { consistencyProof } = await import('../../../src/audit/seal/merkle.ts')
  const { logSubtrees } = await import('../../../src/audit/seal/log.ts')
  return {
    old,
    proof: await consistencyProof(logSubtrees(db, size), old, size),
    now: { origin: ORIGIN, ...(await treeOf(db, size)) },
  }
}

test('a witness that is away, or saw another log, signs nothing and stops nothing', async () => {
  const away = { url: 'http://127.0.0.1:9', publicKey: newSealKey().publicKey }
  const other = { url: `http://${witness.at}`, publicKey: newSealKey().publicKey }
  const { checkpoint, refused } = await publish({ db: world().db, signer, witnesses: [...asked(), away, other] })
  expect(checkpoint?.cosignatures).toHaveLength(1)
  expect(refused.map(({ url }) => url)).toEqual([away.url, other.url])
})

test('a history that says otherwise than what was sealed is not sealed over it', async () => {
  const { run } = await startRefund(world(), { amountCents: 12_000 })
  const pending = await pendingOf(run)
  await seal(run)
  await run.decide(approvalOf(pending))
  await run.outcome()
  const runKey = await runKeyIn(world(), run)
  const handle = world().temporal.workflow.getHandle(run.workflowId)
  const history = await handle.fetchHistory()
  // As whoever can write to Temporal's database would.
  const [started] = history.events ?? []
  if (!started?.workflowExecutionStartedEventAttributes) throw new Error('it has no start')
  started.workflowExecutionStartedEventAttributes.identity = 'somebody else'
  const client = {
    workflow: {
      getHandle: () => ({ fetchHistory: async () => history }),
      list: async function* () {},
    },
  } as never
  expect(await sealRun({ ...sealing(), client }, runKey)).toMatchObject({ came: 'altered' })
  expect(await sealsOf(world().db, runKey)).toHaveLength(1)
  const gone = {
    workflow: {
      getHandle: () => ({
        fetchHistory: async () => {
          throw Object.assign(new Error('gone'), { code: 5 })
        },
      }),
      list: async function* () {},
    },
  } as never
  expect(await sealRun({ ...sealing(), client: gone }, runKey)).toMatchObject({ came: 'already' })
  expect(await sealRun({ ...sealing(), client: gone }, 'none/none')).toEqual({ came: 'gone' })
})

describe('the log as files', () => {
  const exported = async () => {
    const folder = newFolder()
    await publishNow()
    await exportLog(world().db, folder)
    return folder
  }
  const verdictsIn = async (folder: string, by = held()) =>
    (await checkLog(folder, await by)).map(({ check, verdict }) => `${check} ${verdict}`)

  test('holds against the checkpoint that somebody kept', async () => {
    const folder = await exported()
    expect(await verdictsIn(folder)).toEqual(['tree ok', 'checkpoint ok', 'witness ok'])
    const checkpoint = await checkpointIn(folder)
    expect(await wrongInLog(folder, checkpoint ?? { size: 0, root: new Uint8Array() })).toEqual([])
  })

  test('that lost its last leaves is found, and which ones', async () => {
    const cut = await exported()
    const { run } = await startRefund(world())
    await run.outcome()
    await seal(run)
    await publishNow()
    const verdicts = await checkLog(cut, await held())
    const size = await logSize(world().db)
    expect(verdicts.find(({ check }) => check === 'checkpoint')).toMatchObject({
      verdict: 'failed',
      where: [`leaves ${size - 1} to ${size - 1}`],
    })
  })

  test('of which a file was changed, cut or lost names the file', async () => {
    const folder = await exported()
    const size = await logSize(world().db)
    const path = `tile/0/000.p/${size}`
    const tile = join(folder, path)
    const whole = readFileSync(tile)
    const changed = Buffer.from(whole)
    changed[40] = (changed[40] ?? 0) ^ 1
    for (const bytes of [changed, whole.subarray(32)]) {
      writeFileSync(tile, bytes)
      const [tree] = await checkLog(folder, await held())
      expect([tree?.verdict, tree?.where[0]]).toEqual(['failed', expect.stringContaining(path)])
    }
    rmSync(tile)
    expect(await verdictsIn(folder)).toContain('tree failed')
    mkdirSync(join(folder, 'x'))
    expect(await verdictsIn(join(folder, 'x'))).toEqual(['checkpoint failed'])
  })
})

test('a database that was put back to before what the signer signed is found', async () => {
  const ahead = { ...signer, checkpoint: (step: Parameters<typeof signer.checkpoint>[0]) => signer.checkpoint(step) }
  const size = await logSize(world().db)
  const { StepError } = await import('../../../src/audit/seal/remembered.ts')
  const later = {
    ...ahead,
    origin: 'another.example',
    checkpoint: () => Promise.reject(new StepError('behind', 'it has seen more', size + 3)),
  }
  const published = publish({ db: world().db, signer: later, witnesses: [] })
  await expect(published).rejects.toThrow(
    new LogError(`the signer has signed ${size + 3} leaves, and the log has ${size}: it was cut, or is an old copy`),
  )
})
