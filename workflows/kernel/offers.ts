import { z } from 'zod'
import { canonicalJson } from '../../src/contract/digest.ts'
import { fail } from '../../src/contract/failures.ts'
import { firstIssue } from '../../src/contract/issue.ts'
import type { Json } from '../../src/contract/json.ts'
import { shortened } from '../../src/contract/plain-text.ts'
import type { Proposal, ProposalInput } from '../../src/contract/proposal.ts'
import type { ReadTool, Tool, WriteTool } from '../../src/contract/tool.ts'

type Input<T extends Tool> = z.input<T['input']>
type Field<T extends Tool> = keyof Input<T> & string

/** How much of a tool a model is given. A field that is in none of the first three is not for the model, and left out. */
interface Terms<T extends Tool> {
  /** Fields that the playbook sets; the model neither sees nor changes them. */
  readonly fixed?: Partial<Input<T>>
  /** Fields that the model fills in freely, as far as the contract lets it. */
  readonly choose?: readonly Field<T>[]
  /** Fields for which the model picks one of these values. Nothing to pick from: the tool is not offered. */
  readonly among?: { readonly [K in Field<T>]?: readonly (Input<T>[K] & (string | number))[] }
  /** How often it may be called. Default: once for a write, as often as there are steps for a read. */
  readonly times?: number
}

interface AnyTerms {
  readonly fixed?: Readonly<Record<string, unknown>>
  readonly choose?: readonly string[]
  readonly among?: Readonly<Record<string, readonly (string | number)[]>>
  readonly times?: number
  readonly because?: readonly object[]
}

/** A call that a model may propose: a tool, less what the playbook keeps to itself. Made by `offer`. */
export interface Offer {
  readonly tool: Tool
  readonly fixed: Readonly<Record<string, unknown>>
  /** The fields that are the model's. */
  readonly fields: z.ZodObject
  readonly because: readonly object[]
  readonly times: number
}

/**
 * Offers a tool to a model. A write is given the evidence that it rests on, `because`; what the model read and proposed
 * is cited beside it. Fails with `input_invalid` when a field is named twice, is none of the tool, or is needed and
 * nobody's.
 */
export function offer<T extends ReadTool>(tool: T, terms: Terms<T>): Offer
export function offer<T extends WriteTool>(tool: T, terms: Terms<T> & { readonly because: readonly object[] }): Offer
export function offer(tool: Tool, terms: object): Offer {
  const { fixed = {}, choose: chosen = [], among = {}, because = [], ...rest } = terms as AnyTerms
  const wrong = (what: string): Error => fail('input_invalid', `the offer of \`${tool.name}\`: ${what}`)

  const { shape } = tool.input as { readonly shape?: Readonly<Record<string, z.ZodType>> }
  if (shape === undefined) throw wrong('its input is no object')
  const named = [...Object.keys(fixed), ...chosen, ...Object.keys(among)]
  for (const [at, field] of named.entries()) {
    if (!Object.hasOwn(shape, field)) throw wrong(`it has no field \`${field}\``)
    if (named.indexOf(field) !== at) throw wrong(`\`${field}\` is named twice`)
  }
  const nobodys = Object.keys(shape).find(
    (field) => !named.includes(field) && !shape[field]?.safeParse(undefined).success,
  )
  if (nobodys !== undefined) throw wrong(`\`${nobodys}\` is neither fixed nor the model's`)

  const { times = tool.kind === 'write' ? 1 : Number.POSITIVE_INFINITY } = rest
  if (!(times >= 1)) throw wrong('it may be called less than once')
  return {
    tool,
    fixed,
    fields: z.strictObject({
      ...Object.fromEntries(chosen.map((field) => [field, shape[field] as z.ZodType])),
      ...Object.fromEntries(Object.entries(among).map(([field, values]) => [field, z.literal([...values])])),
    }),
    because,
    times: Object.values(among).some((values) => values.length === 0) ? 0 : times,
  }
}

/** An offer as the model sees it. */
export function shownOffer({ tool, fields }: Offer): ProposalInput['offers'][number] {
  const { $schema: _, ...schema } = z.toJSONSchema(fields, { io: 'input', unrepresentable: 'any' })
  return { tool: tool.name, title: tool.title, fields: JSON.parse(JSON.stringify(schema)) as Json }
}

const not = (problem: string) => ({ problem: shortened(problem, 500) })

/** The call that a proposal stands for, with what the playbook fixed; or why it is none of what was offered. */
export function callOf(
  { tool: name, input: text }: Proposal,
  offers: readonly Offer[],
): { readonly offer: Offer; readonly input: Json } | { readonly problem: string } {
  const found = offers.find(({ tool }) => tool.name === name)
  if (found === undefined) return not(`\`${name}\` is not offered`)
  let given: unknown
  try {
    given = JSON.parse(text)
    // What cannot be digested is no input, whatever a schema says of it: half a character, nesting without end.
    canonicalJson(given)
  } catch {
    return not('`input` is not the text of a JSON object')
  }
  const mine = found.fields.safeParse(given)
  if (!mine.success) return not(firstIssue(mine.error))
  const whole = { ...mine.data, ...found.fixed }
  const parsed = found.tool.input.safeParse(whole)
  if (!parsed.success) return not(firstIssue(parsed.error))
  return { offer: found, input: whole as Json }
}
