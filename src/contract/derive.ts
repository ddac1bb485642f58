import type { Evidence } from './evidence.ts'
import type { Facts, FactDeclaration, FactTrust, FactValue } from './fact.ts'
import { fail } from './failures.ts'
import type { Json } from './json.ts'
import { isMoney, type Money } from './money.ts'
import type { PlaybookContract } from './playbook.ts'
import type { Cited, Needs, Tool, WriteTool } from './tool.ts'

/** What the cited evidence gives a tool: the outputs it needs and may cite by name, and what is wrong with the citations. */
export interface CitedEvidence {
  readonly cited: Cited<Needs, Needs>
  /** The names in `needs` for which nothing was cited, with the tool that would yield it. */
  readonly missing: readonly string[]
}

/**
 * Matches evidence to what a tool needs. Two receipts for one need are a contradiction, never a choice, and
 * count as missing.
 */
function citedFor(tool: WriteTool, evidence: readonly Evidence[]): CitedEvidence {
  const cited: Record<string, unknown> = {}
  const missing: string[] = []
  // A model's reading never stands in for a record, whatever it is called.
  const from = (source: Tool): readonly Evidence[] =>
    evidence.filter(({ receipt }) => receipt.tool === source.name && receipt.kind === source.evidence.kind)
  for (const [name, source] of Object.entries(tool.mayCite ?? {}))
    cited[name] = from(source).map(({ output }) => output)
  for (const [name, source] of Object.entries(tool.needs)) {
    const [first, ...others] = from(source)
    if (first === undefined) missing.push(`${name} (from ${source.name})`)
    else if (others.length > 0) missing.push(`one ${name} and not ${others.length + 1} (from ${source.name})`)
    else cited[name] = first.output
  }
  return { cited: cited as CitedEvidence['cited'], missing }
}

/** What evidence an action lacks: what its tool needs, and under `demanded` at least one source beside a model's word. */
export function missingEvidence(tool: WriteTool, evidence: readonly Evidence[], demanded: boolean): readonly string[] {
  const { missing } = citedFor(tool, evidence)
  const grounded = evidence.some(({ receipt }) => receipt.kind !== 'model')
  return demanded && !grounded ? [...missing, "a source beside a model's reading"] : missing
}

function hasType(declaration: FactDeclaration, value: FactValue): boolean {
  switch (declaration.type) {
    case 'money':
      return isMoney(value) && value.currency === declaration.currency
    case 'number':
      return typeof value === 'number' && Number.isFinite(value)
    case 'boolean':
      return typeof value === 'boolean'
    case 'text':
      return typeof value === 'string'
    case 'enum':
      return typeof value === 'string' && declaration.values.includes(value)
  }
}

/**
 * Derives the facts of an action by the contract's pure `facts`. What the evidence does not tell is absent.
 * Fails with `decision_failed` when `facts` throws, names a fact that is not declared or gives one of the
 * wrong type: what cannot be decided is denied.
 */
export function factsOfAction(tool: WriteTool, input: unknown, evidence: readonly Evidence[]): Facts {
  let derived: Readonly<Record<string, FactValue | undefined>>
  try {
    derived = tool.facts(input, citedFor(tool, evidence).cited)
  } catch (error) {
    throw fail('decision_failed', `facts of \`${tool.name}\` threw: ${String(error)}`)
  }
  const facts: Record<string, FactValue> = {}
  for (const [name, value] of Object.entries(derived)) {
    if (value === undefined) continue
    const declaration = Object.hasOwn(tool.declares, name) ? tool.declares[name] : undefined
    if (declaration === undefined) {
      throw fail('decision_failed', `\`${tool.name}\` derives \`${name}\`, which it does not declare`)
    }
    if (!hasType(declaration, value)) {
      throw fail('decision_failed', `\`${tool.name}\` derives a \`${name}\` that is no ${declaration.type}`)
    }
    facts[name] = value
  }
  return facts
}

/** How far the facts of an action are trusted: what its contract declares. */
export const trustOfFacts = ({ declares }: Pick<WriteTool, 'declares'>, facts: Facts): FactTrust =>
  Object.fromEntries(
    Object.entries(declares).flatMap(([name, { trust }]) => (Object.hasOwn(facts, name) ? [[name, trust]] : [])),
  )

/** Whom an action is about, by a subject of its contract; what cannot be told is nobody. */
export function subjectOfAction(
  tool: WriteTool,
  name: string,
  input: unknown,
  evidence: readonly Evidence[],
): string | undefined {
  try {
    const subject: unknown = tool.subjects?.[name]?.is(input, citedFor(tool, evidence).cited)
    return typeof subject === 'string' ? subject : undefined
  } catch {
    return undefined
  }
}

/** What in the cited records speaks against an action; `supports` that throws speaks against it too. */
export function contradictions(tool: WriteTool, input: unknown, evidence: readonly Evidence[]): readonly string[] {
  try {
    const against: unknown = tool.supports(input, citedFor(tool, evidence).cited)
    return Array.isArray(against) ? against.map(String) : [`supports of \`${tool.name}\` returned no list`]
  } catch (error) {
    return [`supports of \`${tool.name}\` threw: ${String(error)}`]
  }
}

/** What a run is worth, by the result of the read that its contract names; what cannot be told is no value. */
export function valueOfRun(contract: PlaybookContract, output: Json): Money | undefined {
  try {
    const value: unknown = contract.value?.is(output)
    return isMoney(value) ? value : undefined
  } catch {
    return undefined
  }
}
