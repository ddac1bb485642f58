import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { KERNEL_VERSION } from '../contract/wire.ts'
import { type LedgerDatabase, poolUseOf } from '../ledger/database.ts'
import { type OutboxStanding, outboxStanding } from '../ledger/outbox.ts'
import { unsettledEffects } from '../ledger/unsettled.ts'
import type { AttemptEnd, Observer } from './observer.ts'

const STEP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
/** How long a count of the ledger is good for: scrapes cannot load the database. */
const LEDGER_MS = 15_000

/** Codes with which the guard, and nobody else, refuses. */
const GUARD_CODES: ReadonlySet<AttemptEnd> = new Set<AttemptEnd>([
  'outside_workflow',
  'activity_unknown',
  'tool_not_listed',
  'run_unknown',
  'scope_missing',
  'warrant_missing',
  'warrant_mismatch',
  'warrant_policy_unknown',
  'warrant_decision_differs',
  'receipt_invalid',
  'approval_invalid',
  'stopped',
])

/** The metrics of a worker; `docs/operating.md` lists them. */
export interface WorkerMetrics {
  /** Give it to `createWorker`. */
  readonly observer: Observer
  /** Connections and unsettled effects are of this database from now on. */
  watch(db: LedgerDatabase): void
  /** Says which build this is, once that is known. */
  build(buildId: string): void
  /** In the text format of Prometheus. */
  text(): Promise<string>
}

/** Counts for Prometheus what a host does. Labels are names of tools, thoughts, playbooks, states and codes: all few. */
export function prometheusOf(): WorkerMetrics {
  const register = new Registry()
  const registers = [register]
  collectDefaultMetrics({ register })
  const info = new Gauge({
    name: 'countersign_worker_info',
    help: 'Always 1; the labels say which code this is.',
    labelNames: ['build_id', 'kernel_version'],
    registers,
  })
  let db: LedgerDatabase | undefined
  for (const gauge of gaugesOf(() => db)) register.registerMetric(gauge)
  return {
    observer: counting(registers),
    watch(of) {
      db = of
    },
    build: (buildId) => info.set({ build_id: buildId, kernel_version: KERNEL_VERSION }, 1),
    text: () => register.metrics(),
  }
}

function counting(registers: Registry[]): Observer {
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name, help, labelNames, registers })
  const steps = counter('countersign_steps_total', 'Attempts that ended, by how.', ['playbook', 'tool', 'code'])
  const refusals = counter('countersign_guard_refusals_total', 'What the guard refused, by why.', ['tool', 'code'])
  const effects = counter('countersign_effects_total', 'Effects, by what became of them.', ['tool', 'state'])
  const calls = counter('countersign_model_calls_total', 'Calls of models, as budgets see them.', ['thought', 'state'])
  const spend = counter('countersign_model_spend_micro_usd_total', 'What settled calls cost, micro-USD.', ['thought'])
  const tokens = counter('countersign_model_tokens_total', 'Tokens of settled calls.', ['thought', 'direction'])
  const failures = counter(
    'countersign_policy_reload_failures_total',
    'Looks at the policy files that found something that cannot be in force, by why.',
    ['why'],
  )
  const notified = counter('countersign_notifications_total', 'Attempts to tell people, by channel and end.', [
    'channel',
    'end',
  ])
  const exported = counter('countersign_exported_events_total', 'Events of audit records, by sink and end.', [
    'sink',
    'end',
  ])
  const inForce = new Gauge({
    name: 'countersign_policy_info',
    help: 'Always 1; the policies in force for new runs, and the candidates beside them.',
    labelNames: ['playbook', 'digest', 'mode'],
    registers,
  })
  const seconds = new Histogram({
    name: 'countersign_step_duration_seconds',
    help: 'How long attempts took.',
    labelNames: ['tool'],
    buckets: STEP_SECONDS,
    registers,
  })
  const running = new Gauge({
    name: 'countersign_steps_running',
    help: 'Attempts that run now.',
    labelNames: ['tool'],
    registers,
  })
  return {
    began: ({ tool }) => running.inc({ tool }),
    ended({ tool, playbook }, code, durationMs) {
      running.dec({ tool })
      steps.inc({ playbook, tool, code })
      seconds.observe({ tool }, durationMs / 1000)
      if (GUARD_CODES.has(code)) refusals.inc({ tool, code })
    },
    effect: (tool, state) => effects.inc({ tool, state }),
    modelCall(call) {
      const { thought, state } = call
      calls.inc({ thought, state })
      if (call.state !== 'settled') return
      spend.inc({ thought }, call.microUsd)
      tokens.inc({ thought, direction: 'input' }, call.inputTokens)
      tokens.inc({ thought, direction: 'output' }, call.outputTokens)
    },
    notified: (channel, end) => notified.inc({ channel, end }),
    exported: (sink, end, events) => exported.inc({ sink, end }, events),
    policies(standing) {
      inForce.reset()
      for (const { workflow: playbook, policyDigest, candidateDigest } of standing.inForce) {
        inForce.set({ playbook, digest: policyDigest, mode: 'live' }, 1)
        if (candidateDigest !== null) inForce.set({ playbook, digest: candidateDigest, mode: 'candidate' }, 1)
      }
      if (standing.trouble !== null) failures.inc({ why: standing.trouble.why })
    },
  }
}

function gaugesOf(database: () => LedgerDatabase | undefined): readonly Gauge[] {
  const connections = new Gauge({
    name: 'countersign_db_connections',
    help: 'Connections of the database pool that are busy or idle, and queries that wait for one.',
    labelNames: ['state'],
    registers: [],
    collect() {
      const db = database()
      for (const [state, count] of Object.entries((db && poolUseOf(db)) ?? {})) this.set({ state }, Number(count))
    },
  })
  let nextAt = 0
  const unsettled = new Gauge({
    name: 'countersign_ledger_effects',
    help: 'Effects of the whole ledger that are claimed, claimed by an attempt whose lease is over, or unknown.',
    labelNames: ['state'],
    registers: [],
    async collect() {
      const db = database()
      if (db === undefined || performance.now() < nextAt) return
      nextAt = performance.now() + LEDGER_MS
      // A number that nobody could look up is no number: it is left out, and not kept as it was.
      this.reset()
      const counts = await unsettledEffects(db).catch(() => undefined)
      for (const [state, count] of Object.entries(counts ?? {})) this.set({ state }, Number(count))
    },
  })
  return [connections, unsettled, ...outboxGauges(database)]
}

/** Of the outbox, which both ask at most once in a while. */
function outboxGauges(database: () => LedgerDatabase | undefined): readonly Gauge[] {
  let nextAt = 0
  let last: Promise<OutboxStanding | undefined> = Promise.resolve(undefined)
  const looked = (): Promise<OutboxStanding | undefined> => {
    const db = database()
    if (db === undefined || performance.now() < nextAt) return last
    nextAt = performance.now() + LEDGER_MS
    last = outboxStanding(db).catch(() => undefined)
    return last
  }
  const waiting = new Gauge({
    name: 'countersign_outbox_events',
    help: 'Events of the whole outbox that a sink has not had, or calls malformed.',
    labelNames: ['sink', 'state'],
    registers: [],
    async collect() {
      const standing = await looked()
      this.reset()
      for (const { sink, waiting: count, refused } of standing?.sinks ?? []) {
        this.set({ sink, state: 'waiting' }, count)
        this.set({ sink, state: 'refused' }, refused)
      }
    },
  })
  const age = new Gauge({
    name: 'countersign_outbox_oldest_seconds',
    help: 'How long the oldest event waits that a sink has not had; 0: none.',
    labelNames: ['sink'],
    registers: [],
    async collect() {
      const standing = await looked()
      this.reset()
      for (const { sink, oldest } of standing?.sinks ?? []) {
        this.set({ sink }, oldest === null ? 0 : Math.max(0, (Date.now() - oldest.getTime()) / 1000))
      }
    },
  })
  return [waiting, age]
}
