import type { LogEntry } from '@temporalio/worker'
import { type LoggerOptions, pino } from 'pino'
import { codeOf } from '../contract/failures.ts'
import { shownTo, textFor } from '../privacy/reader.ts'
import type { Attempt, AttemptEnd, Observer } from '../worker/observer.ts'
import { ownFields } from '../worker/own-log.ts'
import type { LogLevel } from './worker-options.ts'

type Fields = Readonly<Record<string, unknown>>

/** A log of one JSON object a line on stderr: `level`, `time` (ISO 8601, UTC), `msg`, and fields by name. No payloads. */
export interface JsonLog {
  readonly info: (message: string, fields?: Fields) => void
  readonly warn: (message: string, fields?: Fields) => void
  readonly fatal: (message: string, fields?: Fields) => void
  /** A line for each attempt that ended: `debug` for a local activity, `warn` for a failure, else `info`. */
  readonly attempts: Observer
  /** Takes what Temporal's SDK has to say, and what we say through it. */
  readonly temporal: (entry: LogEntry) => void
}

/** Whatever is logged, and whoever calls: nothing personal that can be told by its form, and no secret. */
const maskedLog: NonNullable<NonNullable<LoggerOptions['hooks']>['logMethod']> = function (args, write) {
  const [fields, message, ...rest] = args
  const shown = typeof fields === 'string' ? textFor('log', fields) : shownTo('log', fields)
  write.call(this, shown, message === undefined ? undefined : textFor('log', message), ...rest)
}

/** Written at once: nothing is lost when the process ends. */
export function jsonLog(level: LogLevel): JsonLog {
  const options = {
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: { logMethod: maskedLog },
  }
  const log = pino(options, pino.destination({ dest: 2, sync: true }))
  return {
    info: (message, fields = {}) => log.info(fields, message),
    warn: (message, fields = {}) => log.warn(fields, message),
    fatal: (message, fields = {}) => log.fatal(fields, message),
    attempts: {
      ended(attempt, end, durationMs) {
        log[levelOf(attempt, end)](fieldsOf(attempt, end, durationMs), 'step ended')
      },
    },
    temporal({ level: at, message, meta }) {
      const own = ownFields(meta)
      if (own !== undefined) return log[LEVELS[at]](own, message)
      // The words of tools and playbooks can hold anything: only where they were written is told.
      const { sdkComponent } = meta ?? {}
      const words = sdkComponent === 'activity' || sdkComponent === 'workflow' ? 'own words, not repeated' : message
      log[LEVELS[at]]({ from: 'temporal', ...aboutOf(meta ?? {}) }, words)
    },
  }
}

const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const

/** Of what Temporal knows of an entry, what is no payload; of an error, its code or the name of its class. */
function aboutOf(meta: Fields): Fields {
  const kept = Object.entries(meta).filter(([name, value]) => PLAIN.has(name) && typeof value !== 'object')
  const { error } = meta
  if (!(error instanceof Error)) return Object.fromEntries(kept)
  return Object.fromEntries([...kept, ['code', codeOf(error) ?? error.name]])
}

const PLAIN: ReadonlySet<string> = new Set([
  'sdkComponent',
  'namespace',
  'taskQueue',
  'workflowId',
  'runId',
  'workflowType',
  'activityId',
  'activityType',
  'attempt',
  'isLocal',
])

function levelOf({ local }: Attempt, end: AttemptEnd): 'debug' | 'info' | 'warn' {
  if (end !== 'ok') return 'warn'
  return local ? 'debug' : 'info'
}

function fieldsOf(attempt: Attempt, code: AttemptEnd, durationMs: number): Fields {
  const { tool, playbook, workflowId, runId, step, attempt: number, local } = attempt
  return {
    workflowId,
    runId,
    playbook,
    activityType: tool,
    step,
    attempt: number,
    local,
    code,
    durationMs: round(durationMs),
  }
}

const round = (ms: number): number => Math.round(ms * 10) / 10
