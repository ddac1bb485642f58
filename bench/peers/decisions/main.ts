/** `npm run bench:decisions`: decisions a second, beside OPA and Cedar and in the sandbox. See bench/README.md. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { bundleWorkflowCode, NativeConnection } from '@temporalio/worker'
import { startTemporal, temporalCli } from '../../../src/embedded/index.ts'
import { parsePolicy } from '../../../src/policy/load/index.ts'
import type { Policy } from '../../../src/policy/types.ts'
import { PAYLOAD_CONVERTER, PRELOADED } from '../../../src/worker/bundle-files.ts'
import { keptIntrinsics } from '../../../src/worker/kept-intrinsics.ts'
import { nativeClasses } from '../../../src/worker/native-classes.ts'
import { PlaybookWorker } from '../../../src/worker/playbook-worker.ts'
import { refundRequest } from '../../../workflows/refund-request.ts'
import { say } from '../../plan.ts'
import { median, table } from '../../summary.ts'
import { decisions } from '../../workflows/decisions.ts'
import { cedarEngine, type Engine, opa, ours } from './engines.ts'
import { factsOf, QUESTIONS } from './question.ts'

const ROUNDS = 9
const ROUND_MS = 400
/** Some seconds would end a workflow task; this is well below. */
const IN_SANDBOX = 100_000

const root = join(import.meta.dirname, '..', '..', '..')
const file = join(root, 'policies', 'refund-request.yaml')
const parsed = parsePolicy(await readFile(file, 'utf8'), file, [refundRequest.contract])
if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
const { policy } = parsed
const questions = Array.from({ length: QUESTIONS }, (_, at) => factsOf(at))

const ranged = (values: readonly number[], digits: number): string =>
  `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`

/** Thousands of decisions a second. */
function rateOf(engine: Engine): number {
  const began = performance.now()
  let done = 0
  while (performance.now() - began < ROUND_MS) {
    for (const facts of questions) engine(facts)
    done += questions.length
  }
  return done / (performance.now() - began)
}

/** Fails unless all engines say the same of every question. */
function agree(engines: Readonly<Record<string, Engine>>): void {
  for (const facts of questions) {
    const answers = Object.values(engines).map((engine) => {
      const { effect, matches } = engine(facts)
      return JSON.stringify([effect, ...matches.map(({ rule }) => rule).toSorted()])
    })
    if (new Set(answers).size > 1) throw new Error(`${JSON.stringify(facts)}: ${answers.join(' ')}`)
  }
}

async function besidePeers(): Promise<void> {
  const engines = { countersign: ours(policy), 'OPA (WebAssembly)': await opa(), 'Cedar (WebAssembly)': cedarEngine() }
  agree(engines)
  const rates = new Map<string, number[]>(Object.keys(engines).map((name) => [name, []]))
  for (let round = -1; round < ROUNDS; round++) {
    for (const [name, engine] of Object.entries(engines)) {
      const rate = rateOf(engine)
      // The first round is for compilers.
      if (round >= 0) rates.get(name)?.push(rate)
    }
  }
  const own = rates.get('countersign') ?? []
  const rows = [...rates].map(([name, each]) => [
    name,
    ranged(each, 0),
    ranged(
      own.map((rate, at) => rate / (each[at] ?? rate)),
      1,
    ),
  ])
  say(table(['engine', '1,000 decisions/s', 'countersign / it'], rows))
}

async function inSandbox(of: Policy): Promise<void> {
  const temporal = await startTemporal({ executable: await temporalCli(), headless: true, searchAttributes: [] })
  try {
    const { address } = temporal
    const taskQueue = 'decisions'
    const workflowBundle = await bundleWorkflowCode({
      workflowsPath: join(root, 'bench', 'workflows', 'decisions.ts'),
      payloadConverterPath: PAYLOAD_CONVERTER,
      preloadModules: [...PRELOADED],
      webpackConfigHook: (config) => keptIntrinsics(nativeClasses(config)),
    })
    const connection = await NativeConnection.connect({ address })
    const dataConverter = { payloadConverterPath: PAYLOAD_CONVERTER }
    const worker = await PlaybookWorker.create({ connection, taskQueue, workflowBundle, dataConverter })
    const running = worker.run()
    const client = new Client({ connection: await Connection.connect({ address }) })
    const once = async (count: number): Promise<number> => {
      const began = performance.now()
      const workflowId = `decisions-${began}`
      await client.workflow.execute('decideOften', { taskQueue, workflowId, args: [of, count] })
      return performance.now() - began
    }
    const ratios: number[] = []
    for (let round = -1; round < ROUNDS; round++) {
      const empty = await once(0)
      const sandbox = (await once(IN_SANDBOX)) - empty
      const began = performance.now()
      decisions(of, IN_SANDBOX)
      if (round >= 0) ratios.push(sandbox / (performance.now() - began))
    }
    say(`\nTime in the sandbox / time in Node, of ${IN_SANDBOX} decisions: ${ranged(ratios, 2)}`)
    worker.shutdown()
    await running
    await Promise.all([connection.close(), client.connection.close()])
  } finally {
    await temporal.stop()
  }
}

await besidePeers()
await inSandbox(policy)
