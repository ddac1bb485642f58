import { z } from 'zod'
import { TRUSTS } from './fact.ts'
import { isFailureCode } from './failures.ts'
import type { PlaybookContract } from './playbook.ts'
import { outputSchemaOf } from './prompt.ts'
import { SUBJECTS_OF_RUNS, WIRE } from './wire.ts'
import { type ReadTool, type Retry, RISKS, type Thought, type WriteTool } from './tool.ts'

const TOOL_NAME = /^[a-z][A-Za-z0-9]*(\.[a-z][A-Za-z0-9]*)+$/
const PLAYBOOK_NAME = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/
const FACT_NAME = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/
const RESERVED: ReadonlySet<string> = new Set(Object.values(WIRE.activities))
const TRUSTED: ReadonlySet<unknown> = new Set(TRUSTS)
/** Of whoever asks for an action, in every contract. */
const NOBODYS: ReadonlySet<string> = new Set(SUBJECTS_OF_RUNS)
const HOUR_MS = 3_600_000
const YEAR_MS = 8_760 * HOUR_MS
const HEARTBEAT_NEEDED_MS = 10_000

const hasMethod = (value: unknown, method: string): boolean =>
  typeof (value as Readonly<Record<string, unknown>> | undefined)?.[method] === 'function'
const isText = (value: unknown): boolean => typeof value === 'string' && value.trim() !== ''
const isSchema = (value: unknown): boolean => value instanceof z.ZodType
const isMs = (value: unknown, most: number): boolean =>
  Number.isSafeInteger(value) && Number(value) > 0 && Number(value) <= most

function retryHoles(retry: Retry | undefined, where: string): string[] {
  const attempts = retry?.maximumAttempts
  if (!Number.isSafeInteger(attempts) || Number(attempts) < 1 || Number(attempts) > 100) {
    return [`${where}.maximumAttempts (1 to 100: Temporal's default has no cap)`]
  }
  const complete =
    isMs(retry?.initialIntervalMs, HOUR_MS) &&
    isMs(retry?.maximumIntervalMs, HOUR_MS) &&
    Number(retry?.backoffCoefficient) >= 1
  return complete ? [] : [`${where} (initialIntervalMs, maximumIntervalMs, backoffCoefficient)`]
}

function timeHoles(contract: ReadTool | WriteTool | Thought): string[] {
  const holes: string[] = []
  if (!isMs(contract.startToCloseMs, HOUR_MS)) holes.push('startToCloseMs (1 to 3,600,000)')
  if (contract.heartbeatMs === undefined) {
    if (contract.startToCloseMs > HEARTBEAT_NEEDED_MS) {
      holes.push('heartbeatMs (needed above ten seconds, or a cancellation never arrives)')
    }
  } else if (!isMs(contract.heartbeatMs, contract.startToCloseMs)) {
    holes.push('heartbeatMs (1 to startToCloseMs)')
  }
  return holes
}

function writeHoles(tool: WriteTool): string[] {
  const holes: string[] = []
  if (!['reversible', 'externally_reversible', 'irreversible'].includes(tool.reversibility)) {
    holes.push('reversibility')
  }
  if (!['transaction', 'key', 'probe', 'none'].includes(tool.idempotency)) holes.push('idempotency')
  if (tool.idempotency === 'key' && !isMs(tool.keyWindowMs, YEAR_MS)) holes.push('keyWindowMs (1 to 31,536,000,000)')
  if (tool.idempotency !== 'key' && tool.keyWindowMs !== undefined) holes.push('keyWindowMs (with `key` only)')
  if (tool.localPreview === true && tool.startToCloseMs > HEARTBEAT_NEEDED_MS) {
    holes.push('localPreview (the tool is too slow for it)')
  }
  if (typeof tool.needs !== 'object' || tool.needs === null) holes.push('needs')
  if (tool.mayCite !== undefined && (typeof tool.mayCite !== 'object' || tool.mayCite === null)) holes.push('mayCite')
  for (const name of Object.keys(tool.mayCite ?? {})) {
    if (Object.hasOwn(tool.needs ?? {}, name)) holes.push(`mayCite.${name} (in needs, too)`)
  }
  for (const [subject, how] of Object.entries(tool.subjects ?? {})) {
    const isTaken = NOBODYS.has(subject) || Object.hasOwn(tool.declares ?? {}, subject)
    if (!FACT_NAME.test(subject) || isTaken || !hasMethod(how, 'is')) holes.push(`subjects.${subject}`)
  }
  for (const method of ['facts', 'supports', 'describe'] as const) {
    if (!hasMethod(tool, method)) holes.push(method)
  }
  if (tool.risk !== 'low' && Object.keys(tool.needs ?? {}).length === 0) {
    holes.push('needs (a write of medium or high risk rests on evidence)')
  }
  for (const [fact, declaration] of Object.entries(tool.declares ?? { '': undefined })) {
    if (!FACT_NAME.test(fact) || !isText(declaration?.type) || !TRUSTED.has(declaration?.trust)) {
      holes.push(`declares.${fact}`)
    }
  }
  if (tool.undo === undefined || (tool.undo === null && tool.reversibility !== 'irreversible')) {
    holes.push('undo')
  } else if (tool.undo !== null) {
    if (tool.reversibility === 'irreversible') holes.push('undo (an irreversible write has none)')
    if (!isText(tool.undo.does)) holes.push('undo.does')
    if (!isMs(tool.undo.startToCloseMs, HOUR_MS)) holes.push('undo.startToCloseMs')
    holes.push(...retryHoles(tool.undo.retry, 'undo.retry'))
  }
  return holes
}

/** What a tool contract lacks, by the name of the field; empty when it is whole. */
function toolHoles(tool: ReadTool | WriteTool): readonly string[] {
  const holes: string[] = []
  if (!TOOL_NAME.test(tool.name)) holes.push('name (`system.verb`)')
  if (!isText(tool.title)) holes.push('title')
  if (!isSchema(tool.input)) holes.push('input')
  if (!isSchema(tool.output)) holes.push('output')
  if (!Array.isArray(tool.scopes) || tool.scopes.length === 0 || !tool.scopes.every(isText)) holes.push('scopes')
  if (!(RISKS as readonly string[]).includes(tool.risk)) holes.push('risk')
  holes.push(...timeHoles(tool), ...retryHoles(tool.retry, 'retry'))
  if (!Array.isArray(tool.nonRetryable) || !tool.nonRetryable.every(isFailureCode)) holes.push('nonRetryable')
  if (!isText(tool.evidence?.kind)) holes.push('evidence.kind')
  if (!hasMethod(tool.evidence, 'reference')) holes.push('evidence.reference')
  if (tool.kind === 'write') return [...holes, ...writeHoles(tool)]
  if (tool.kind !== 'read') return [...holes, 'kind']
  if (tool.reversibility !== 'read_only') holes.push('reversibility')
  if (typeof tool.local !== 'boolean') holes.push('local')
  if (tool.local && tool.startToCloseMs > HEARTBEAT_NEEDED_MS) holes.push('local (the read is too slow for it)')
  return holes
}

/** Whether a model can be told the form of its answer. */
function canBeAnswered(thought: Thought): boolean {
  try {
    return outputSchemaOf(thought)['type'] === 'object'
  } catch {
    return false
  }
}

/** What a thought lacks. */
function thoughtHoles(thought: Thought): readonly string[] {
  const holes: string[] = []
  if (!TOOL_NAME.test(thought.name)) holes.push('name (`playbook.verb`)')
  if (!isText(thought.title)) holes.push('title')
  if (!['route', 'extract', 'plan'].includes(thought.role)) holes.push('role')
  if (!Number.isSafeInteger(thought.version) || thought.version < 1) holes.push('version (1 or more)')
  if (!isSchema(thought.input)) holes.push('input')
  if (!isSchema(thought.output)) holes.push('output')
  else if (!canBeAnswered(thought)) holes.push('output (one plain object, of what JSON can say)')
  if (!isText(thought.instructions)) holes.push('instructions')
  if (!hasMethod(thought, 'prompt')) holes.push('prompt')
  if (!isMs(thought.maxOutputTokens, 1_000_000)) holes.push('maxOutputTokens')
  return [...holes, ...timeHoles(thought), ...retryHoles(thought.retry, 'retry')]
}

/** What a playbook contract lacks, the holes of its tools and thoughts among them: `billing.refund: undo`. */
export function playbookHoles(contract: PlaybookContract): readonly string[] {
  const holes: string[] = []
  if (!PLAYBOOK_NAME.test(contract.name)) holes.push('name (`lower_case_words`)')
  if (!isText(contract.title)) holes.push('title')
  if (!isSchema(contract.request)) holes.push('request')
  if (contract.businessKey !== undefined && !hasMethod(contract, 'businessKey')) holes.push('businessKey (a function)')
  if (!Array.isArray(contract.tools)) return [...holes, 'tools']
  if (!Array.isArray(contract.thoughts)) return [...holes, 'thoughts']
  const types = new Map<string, string>()
  for (const tool of contract.tools) {
    holes.push(...toolHoles(tool).map((hole) => `${tool.name}: ${hole}`))
    for (const [fact, declaration] of tool.kind === 'write' ? Object.entries(tool.declares ?? {}) : []) {
      const type = JSON.stringify(declaration)
      if ((types.get(fact) ?? type) !== type) holes.push(`${tool.name}: declares.${fact} (another tool's differs)`)
      types.set(fact, type)
    }
  }
  const { value } = contract
  if (value !== undefined) {
    if (value.of?.kind !== 'read' || !contract.tools.includes(value.of)) holes.push('value.of (a read that it lists)')
    if (!hasMethod(value, 'is')) holes.push('value.is')
  }
  const names = [...contract.tools, ...contract.thoughts].map(({ name }) => name)
  for (const name of names) {
    if (RESERVED.has(name) || /\.(preview|undo)$/.test(name)) holes.push(`${name}: name (reserved)`)
    if (names.indexOf(name) !== names.lastIndexOf(name)) holes.push(`${name}: name (used twice)`)
  }
  for (const thought of contract.thoughts) {
    holes.push(...thoughtHoles(thought).map((hole) => `${thought.name}: ${hole}`))
  }
  return holes
}
