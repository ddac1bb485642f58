/** `npm run bench:waiting`: thousands of runs that wait for people, over the death of their worker. See bench/README.md. */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { percentileOf } from './batch.ts'
import { say } from './plan.ts'
import { table } from './summary.ts'
import { runWaiting, type WaitingCase, wrongWith } from './waiting-case.ts'

/*
 *   --runs <list>       default 200,500,1000,2000
 *   --in-flight <n>     decisions on their way at once; default 100, as the client has it
 *   --rest <seconds>    between the restart of the worker and the first decision; default 0
 *   --json <file>       writes every figure there
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200,500,1000,2000' },
    'in-flight': { type: 'string', default: '100' },
    rest: { type: 'string', default: '0' },
    json: { type: 'string' },
  },
})
if (process.platform !== 'linux') {
  say('Memory is read from /proc: run the benchmark on Linux.')
  process.exit(2)
}

const seconds = (ms: number): string => (ms / 1000).toFixed(1)
const spread = (sorted: readonly number[]): string =>
  [50, 95, 99, 100].map((percent) => seconds(percentileOf(sorted, percent))).join(' / ')

const times = ({ runs, blockedMs, restartMs, decided, outcomesMs, doneMs, cpu }: WaitingCase): readonly string[] => [
  String(runs),
  `${seconds(blockedMs)} (${((1000 * runs) / blockedMs).toFixed(0)}/s)`,
  seconds(restartMs),
  spread(decided.latenciesMs),
  seconds(decided.wallMs),
  spread(outcomesMs),
  `${seconds(doneMs)} (${((1000 * runs) / doneMs).toFixed(0)}/s)`,
  [cpu.server, cpu.worker, cpu.database, cpu.driver].map((ms) => (ms / runs).toFixed(0)).join(' + '),
]

const memory = ({ runs, workerMb, serverMb, maxCachedWorkflows }: WaitingCase): readonly string[] => {
  const perRun = ([idle, blocked]: WaitingCase['workerMb']) => ((1024 * (blocked - idle)) / runs).toFixed(0)
  return [
    String(runs),
    workerMb.join(' → '),
    perRun(workerMb),
    serverMb.join(' → '),
    perRun(serverMb),
    String(maxCachedWorkflows),
  ]
}

const cases: WaitingCase[] = []
const wrong: string[] = []
for (const runs of values.runs.split(',').map(Number)) {
  const measured = await runWaiting(runs, { inFlight: Number(values['in-flight']), restMs: 1000 * Number(values.rest) })
  cases.push(measured)
  const { decided, lost, effects } = measured
  say(
    `${runs} runs: ${decided.acknowledged} decisions acknowledged, at most ${decided.mostInFlight} on their way at once; ` +
      `${effects.refunds} refunds, ${effects.refunds - effects.paymentsRefunded} twice, ${lost} runs lost`,
  )
  wrong.push(...wrongWith(measured).map((what) => `${runs} runs: ${what}`))
}

const four = 'p50 / p95 / p99 / most'
say(`\nTimes in seconds\n`)
say(
  table(
    [
      'runs',
      'all blocked',
      'restart',
      `sent → answered, ${four}`,
      'all answered',
      `sent → closed, ${four}`,
      'all closed',
      'CPU ms/run: server + worker + database + driver',
    ],
    cases.map(times),
  ),
)
say(`\nMemory: idle → blocked → restarted → done, in MB; a blocked run in KB\n`)
say(table(['runs', 'worker', 'KB a run', 'server', 'KB a run', 'runs in the cache'], cases.map(memory)))
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(cases))
if (wrong.length > 0) throw new Error(`what was promised does not hold: ${wrong.join('; ')}`)
