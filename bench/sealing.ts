/** `npm run bench:sealing`: what it costs to seal runs and to verify them, beside running them, as the log grows. See bench/README.md. */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { RunKey } from '../src/contract/evidence.ts'
import { appendSeal, archived, bundleOf, latestCheckpoint, logSize, sealsOf } from '../src/audit/seal/log.ts'
import { publish } from '../src/audit/seal/publish.ts'
import { sealHistories, sealOf, sealRun } from '../src/audit/seal/seal-run.ts'
import { historyIn } from '../src/audit/seal/opened.ts'
import type { SealedRun } from '../src/audit/seal/bundle.ts'
import { readBundle } from '../src/audit/seal/bundle.ts'
import { checkCheckpoint, checkInclusion } from '../src/audit/verify/check-seal.ts'
import { verifyBundle } from '../src/audit/verify/verify.ts'
import { digestOf } from '../src/contract/digest.ts'
import { readPlaybooks } from '../src/worker/registry.ts'
import { runBatch, since, totalCpu } from './batch.ts'
import { cpuOf } from './cpu.ts'
import { say } from './plan.ts'
import { startSigner } from './signer.ts'
import { openStage } from './stage.ts'
import { variantsOf } from './variants.ts'

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, runs: { type: 'string' } } })
if (process.platform !== 'linux') {
  say('CPU times are read from /proc: run the benchmark on Linux.')
  process.exit(2)
}
const WARM_UP = values.quick ? 5 : 150
const RUNS = Number(values.runs ?? (values.quick ? 5 : 60))
const SIZES = values.quick ? [20, 50] : [100, 1_000, 10_000]
const COPIES = values.quick ? 3 : 50
const VERIFIED = values.quick ? 3 : 50

const median = (all: readonly number[]): number => all.toSorted((a, b) => a - b)[all.length >> 1] ?? Number.NaN
const shown = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)
const ownMs = (): number => (process.cpuUsage().user + process.cpuUsage().system) / 1_000

const stage = await openStage(WARM_UP + RUNS)
const signing = await startSigner(stage.dir)
try {
  const { db, temporal: client } = stage
  const sealing = { client, db, namespace: 'default', signer: signing.signer }
  const [variant] = await variantsOf(stage, ['governed, 0 min'])
  if (variant === undefined) throw new Error('there is no variant')
  const workflowIds: string[] = []
  const kept = {
    ...variant,
    async run(number: number) {
      const workflowId = await variant.run(number)
      workflowIds.push(workflowId)
      return workflowId
    },
  }
  let number = 0
  const next = () => ++number
  await runBatch(stage, kept, { runs: WARM_UP, concurrency: 10, next })
  const keyOf = async (workflowId: string): Promise<RunKey> => {
    const { raw } = await client.workflow.getHandle(workflowId).describe()
    return `${workflowId}/${raw.workflowExecutionInfo?.firstRunId ?? ''}`
  }
  const keysOf = (ids: readonly string[]): Promise<readonly RunKey[]> => Promise.all(ids.map(keyOf))
  for (const workflowId of workflowIds.splice(0)) {
    const history = await client.workflow.getHandle(workflowId).fetchHistory()
    await sealHistories(sealing, await keyOf(workflowId), [history])
  }

  const batch = await runBatch(stage, kept, { runs: RUNS, concurrency: 20, next })
  const runKeys = await keysOf(workflowIds)
  const cpu = () => ({ ...stage.cpu(variant.processes), signer: cpuOf({ signer: signing.pid }).signer })
  const [before, began] = [cpu(), performance.now()]
  for (const runKey of runKeys) {
    const { came } = await sealRun(sealing, runKey)
    if (came !== 'sealed') throw new Error(`${runKey}: ${came}`)
  }
  await publish({ db, signer: signing.signer, witnesses: [] })
  const sealMs = performance.now() - began
  const after = cpu()
  const parts = { ...since(before, after), signer: after.signer - before.signer }
  const sealCpu = Object.values(parts).reduce((sum, ms) => sum + ms, 0) / RUNS
  const runCpu = totalCpu(batch)
  say(`${RUNS} runs, each of ${batch.history?.events ?? 0} events and ${batch.history?.bytes ?? 0} bytes`)
  say(`running, 20 at a time: ${shown(RUNS / (batch.wallMs / 1_000))} runs/s, ${shown(runCpu)} ms of CPU a run`)
  say(`sealing, one at a time: ${shown(RUNS / (sealMs / 1_000))} runs/s, ${shown(sealCpu)} ms of CPU a run`)
  const each = Object.entries(parts).map(([name, ms]) => `${name === 'driver' ? 'sealer' : name} ${shown(ms / RUNS)}`)
  say(`  of that ${each.join(', ')}; ${shown(sealCpu / runCpu)} of what running costs`)

  const contracts = await readPlaybooks(join(import.meta.dirname, '..', 'workflows', 'index.ts'))
  const [recorded] = await Promise.all(runKeys.slice(0, 1).map(sealedAs))
  if (recorded === undefined) throw new Error('nothing was sealed')
  say('')
  say(
    '| seals in the log | sealing, runs/s | verifying, runs/s | CPU ms | of that the log | hashes in the proof | bytes of it |',
  )
  say('|---|---|---|---|---|---|---|')
  for (const size of SIZES) {
    // Most of the log is filled with seals that are only put into it; the last ones are made like any other.
    for (let at = await logSize(db); at < size - COPIES; at += 1) await fill(recorded, `filler-${at}`)
    const copies = size - (await logSize(db))
    const [from, fromCpu] = [performance.now(), ownMs()]
    for (let at = 0; at < copies; at += 1) await sealCopy(recorded, `copy-${size}-${at}`)
    const rate = copies / ((performance.now() - from) / 1_000)
    const copyCpu = (ownMs() - fromCpu) / copies
    await publish({ db, signer: signing.signer, witnesses: [] })
    say(await row(size, rate, copyCpu))
  }

  /** The archived seal of a run. */
  async function sealedAs(runKey: RunKey): Promise<SealedRun> {
    const index = (await sealsOf(db, runKey)).at(-1)?.index ?? -1
    const run = await archived(db, index)
    if (run === undefined) throw new Error(`${runKey} is not in the archive`)
    return run
  }

  /** Puts a seal of another name into the log, without deriving or signing anything. */
  async function fill(run: SealedRun, name: string): Promise<void> {
    const record = { ...run.record, runKey: `${name}/1` as RunKey, entries: [] }
    const envelope = { ...run.envelope, payload: Buffer.from(name).toString('base64') }
    await appendSeal(db, { ...run, histories: [], record, envelope }, { stateDigest: digestOf(name), before: null })
  }

  /** Seals the history of a run again as that of another one: derived, signed and put into the log as any other. */
  async function sealCopy({ histories, keys, policy }: SealedRun, name: string): Promise<void> {
    const stored = histories.map(({ history }) => historyIn(history))
    for (const { events } of stored) {
      const started = events?.[0]?.workflowExecutionStartedEventAttributes
      if (started) started.workflowId = name
    }
    const policyOf = async () => policy?.text
    const sealed = await sealOf(
      { namespace: 'default', stored, erased: [], blobs: {}, keys, policyOf },
      signing.signer,
      null,
    )
    await appendSeal(db, sealed, { stateDigest: digestOf(sealed.record.executions), before: null })
  }

  /** Verifies some of the runs that really were, whatever else is in the log by now. */
  async function row(size: number, rate: number, copyCpu: number): Promise<string> {
    const pinned = await latestCheckpoint(db)
    if (pinned === undefined) throw new Error('there is no checkpoint')
    const by = { keys: [signing.publicKey], witnessKeys: [], pinned, contracts }
    const [wall, cpuMs, log, hashes, bytes]: [number[], number[], number[], number[], number[]] = [[], [], [], [], []]
    for (let at = 0; at < VERIFIED; at += 1) {
      const runKey = runKeys[Math.floor((at * runKeys.length) / VERIFIED)] ?? ''
      const text = Buffer.from(await bundleOf(db, (await sealsOf(db, runKey as RunKey)).at(-1)?.index ?? -1))
      const [start, startCpu] = [performance.now(), ownMs()]
      const { isGood, verdicts } = await verifyBundle(text, by)
      wall.push(performance.now() - start)
      cpuMs.push(ownMs() - startCpu)
      if (!isGood) throw new Error(`${runKey}: ${JSON.stringify(verdicts)}`)
      const read = readBundle(text)
      if (!read.ok) throw new Error(read.why)
      const checked = performance.now()
      checkInclusion(read.bundle)
      await checkCheckpoint(read.bundle, by)
      log.push(performance.now() - checked)
      const { proof } = read.bundle.log
      hashes.push(proof.length)
      bytes.push(Buffer.byteLength(JSON.stringify(proof)))
    }
    const sealed = `${shown(rate)} (${shown(copyCpu)} ms)`
    return `| ${size} | ${sealed} | ${shown(1_000 / median(wall))} | ${shown(median(cpuMs))} | ${shown(median(log))} | ${Math.max(...hashes)} | ${Math.max(...bytes)} |`
  }
} finally {
  await signing.stop()
  await stage.stop()
}
