import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse, YAMLParseError } from 'yaml'
import { z } from 'zod'
import { firstIssue } from '../../contract/issue.ts'

const url = z.url({ protocol: /^https?$/ })
const variable = z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be the name of an environment variable')
const filled = z.string().trim().min(1).max(1_000)
const whole = (least: number, most: number) => z.int().min(least).max(most)

const shared = {
  /** Stands in the outbox and in metrics. */
  name: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, 'must be lower-case letters, digits and `-`'),
  /** The values of `audit.export` whose events it gets; `*`: all. Default: its name. */
  targets: z.array(filled).min(1).max(100).optional(),
  form: z.enum(['native', 'ocsf']).default('native'),
}

const batches = {
  /** The most events of one request. */
  batch_events: whole(1, 1_000).default(100),
  /** The most bytes of one request, before they are compressed. */
  batch_kb: whole(16, 10_240).default(512),
}

const sink = z.discriminatedUnion('kind', [
  z.strictObject({
    ...shared,
    kind: z.literal('file'),
    path: filled,
    /** A file that is as large is put aside, and another one begun. */
    rotate_mb: whole(1, 10_240).default(100),
  }),
  z.strictObject({
    ...shared,
    ...batches,
    kind: z.literal('splunk_hec'),
    /** Of the collector, without a path. */
    url,
    token_env: variable,
    index: filled.optional(),
    host: filled.optional(),
    sourcetype: filled.optional(),
    /** How long an indexer may take to acknowledge, where the token is acknowledged, until the batch is sent again. */
    acknowledge_seconds: whole(5, 3_600).default(120),
  }),
  z.strictObject({
    ...shared,
    ...batches,
    kind: z.literal('cloudevents'),
    url,
    /** `Authorization: Bearer` with what is in it. Default: no such header. */
    token_env: variable.optional(),
    mode: z.enum(['batched', 'structured']).default('batched'),
    source: filled.default('https://countersign.dev/audit'),
  }),
])

const config = z.strictObject({
  sinks: z.array(sink).min(1).max(20),
  /** How long the outbox keeps what every sink has had. */
  keep_days: whole(0, 3_650).default(7),
})

interface Common {
  readonly name: string
  /** The values of `audit.export` whose events it gets; `*`: all. */
  readonly targets: readonly string[]
  readonly form: 'native' | 'ocsf'
}

interface Batches {
  readonly batchEvents: number
  readonly batchBytes: number
}

export interface FileSink extends Common {
  readonly kind: 'file'
  readonly path: string
  readonly rotateBytes: number
}

export interface SplunkSink extends Common, Batches {
  readonly kind: 'splunk_hec'
  readonly url: string
  readonly token: string
  readonly index: string | undefined
  readonly host: string | undefined
  readonly sourcetype: string
  readonly acknowledgeMs: number
}

export interface CloudEventsSink extends Common, Batches {
  readonly kind: 'cloudevents'
  readonly url: string
  readonly token: string | undefined
  readonly mode: 'batched' | 'structured'
  readonly source: string
}

export type Sink = FileSink | SplunkSink | CloudEventsSink

/** Where audit records are exported to; secrets are read from the environment, and never written down. */
export interface ExportsConfig {
  readonly sinks: readonly Sink[]
  readonly keepDays: number
}

/** What is wrong with the file, and where. */
export class ExportsConfigError extends Error {
  override readonly name = 'ExportsConfigError'
}

/** Reads `exports.yaml`; throws `ExportsConfigError` on a mistake and on a variable that is not set. */
export function readExportsConfig(file: string, env: Readonly<Record<string, string | undefined>>): ExportsConfig {
  const wrong = (what: string): Error => new ExportsConfigError(`${file}: ${what}`)
  let found: unknown
  try {
    found = parse(readFileSync(file, 'utf8'), { maxAliasCount: 0 })
  } catch (error) {
    if (error instanceof YAMLParseError) throw wrong(error.message.split('\n')[0] ?? 'it is no YAML')
    throw wrong(error instanceof Error ? error.message : String(error))
  }
  const parsed = config.safeParse(found)
  if (!parsed.success) throw wrong(firstIssue(parsed.error))
  const { sinks, keep_days: keepDays } = parsed.data
  const twice = sinks.find(({ name }, at) => sinks.findIndex((each) => each.name === name) < at)
  if (twice !== undefined) throw wrong(`two sinks are called \`${twice.name}\``)
  const secretOf = (name: string): string => {
    const value = env[name]
    if (value === undefined || value === '') throw wrong(`the environment variable ${name} is not set`)
    return value
  }
  return { sinks: sinks.map((each) => sinkOf(each, secretOf)), keepDays }
}

function sinkOf(each: z.output<typeof sink>, secretOf: (name: string) => string): Sink {
  const { name, form, targets = [name] } = each
  const common = { name, form, targets }
  if (each.kind === 'file') {
    return { ...common, kind: 'file', path: resolve(each.path), rotateBytes: each.rotate_mb * 1_048_576 }
  }
  const batch = { batchEvents: each.batch_events, batchBytes: each.batch_kb * 1_024 }
  if (each.kind === 'cloudevents') {
    const token = each.token_env === undefined ? undefined : secretOf(each.token_env)
    return { ...common, ...batch, kind: 'cloudevents', url: each.url, token, mode: each.mode, source: each.source }
  }
  return {
    ...common,
    ...batch,
    kind: 'splunk_hec',
    url: each.url,
    token: secretOf(each.token_env),
    index: each.index,
    host: each.host,
    sourcetype: each.sourcetype ?? (form === 'ocsf' ? 'countersign:ocsf' : 'countersign:audit'),
    acknowledgeMs: each.acknowledge_seconds * 1_000,
  }
}

/** Which of these nobody gets. */
export const uncovered = (targets: readonly string[], sinks: readonly Pick<Sink, 'targets'>[]): readonly string[] =>
  targets.filter((target) => !sinks.some((one) => one.targets.includes('*') || one.targets.includes(target)))

/** For development: everything goes into one file. */
export const developmentExports = (path: string): ExportsConfig => ({
  sinks: [
    {
      name: 'development',
      kind: 'file',
      targets: ['*'],
      form: 'native',
      path: resolve(path),
      rotateBytes: 104_857_600,
    },
  ],
  keepDays: 7,
})
