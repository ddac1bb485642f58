import { digestOf } from '../../contract/digest.ts'
import type { JsonObject } from '../../contract/json.ts'
import { outputSchemaOf, type PromptRecord, templateDigestOf } from '../../contract/prompt.ts'
import type { Thought } from '../../contract/tool.ts'
import type { Veiled } from '../implementation.ts'

/** What a model is sent. */
export interface Question {
  readonly instructions: string
  readonly prompt: string
  /** JSON Schema of the answer. */
  readonly schema: JsonObject
  /** What was wrong with the answer before; `null`: this is the first question. */
  readonly repaired: string | null
}

const TOKENS = `Where something like <name-1> or <email-2> stands, a value was kept from you. It stands for that one value:
write it as it stands wherever the value belongs, and do not guess at it.`

/** The question that a thought asks about an input, parsed already; `tokens`: those that stand in it for values. */
export const questionOf = (thought: Thought, input: unknown, tokens: readonly string[] = []): Question => ({
  instructions: tokens.length === 0 ? thought.instructions : `${thought.instructions}\n\n${TOKENS}`,
  prompt: withTokens(thought.prompt(input), tokens),
  schema: outputSchemaOf(thought),
  repaired: null,
})

/** `quotedJson` writes their `<` in another way. A token is ours, and none closes a delimiter. */
function withTokens(prompt: string, tokens: readonly string[]): string {
  const ours = new Set(tokens)
  return prompt.replace(/\\u003c([a-z]+-\d{1,9})>/g, (quoted, name: string) =>
    ours.has(`<${name}>`) ? `<${name}>` : quoted,
  )
}

/**
 * The question once more, with what was wrong: where and what kind of wrong, and nothing of the answer, in which there
 * may be other people's words.
 */
export const askedAgain = (question: Question, problem: string): Question => ({
  ...question,
  instructions: `${question.instructions}

An earlier answer to this ${problem}. Answer again, with one JSON object in the agreed form and nothing else.`,
  repaired: problem,
})

/** What stands on the record of a question that was answered. */
export const promptRecordOf = (
  thought: Thought,
  { instructions, prompt, schema, repaired }: Question,
): PromptRecord => ({
  version: thought.version,
  template: templateDigestOf(thought),
  asked: digestOf({ instructions, prompt, schema }),
  repaired,
})

/** What an answer is: the output as the model gave it, or what is wrong with it, to be read after `the answer`. */
export type Answer = { readonly output: unknown } | { readonly problem: string }

/** `__proto__` is no name that a contract has; an own key of that name only waits to be copied. */
const withoutPrototypes = (key: string, value: unknown): unknown => {
  if (key === '__proto__') throw new SyntaxError('a prototype')
  return value
}

/** Reads the text of an answer as JSON, has values put in the place of tokens, and checks it against the thought's schema. */
export function readAnswer(thought: Thought, { schema }: Question, text: string, veil?: Veiled): Answer {
  if (text.trim() === '') return { problem: 'was empty' }
  let output: unknown
  try {
    const said: unknown = JSON.parse(text, withoutPrototypes)
    output = veil === undefined ? said : veil.reveal(said)
  } catch {
    return { problem: 'was no JSON' }
  }
  try {
    const checked = thought.output.safeParse(output)
    return checked.success
      ? { output }
      : { problem: `broke the agreed form at ${placesOf(checked.error.issues, schema)}` }
  } catch {
    return { problem: 'could not be checked' }
  }
}

interface Issue {
  readonly path: readonly PropertyKey[]
  readonly code?: string
}

/** Where an answer breaks the schema: the contract's own names, and not a word of the model. */
function placesOf(issues: readonly Issue[], schema: JsonObject): string {
  const known = new Set(namesIn(schema))
  const nameOf = (part: PropertyKey) => (typeof part === 'number' || known.has(String(part)) ? String(part) : '*')
  return issues
    .slice(0, 5)
    .map(({ path, code }) => `\`${path.map(nameOf).join('.') || 'answer'}\` (${code ?? 'custom'})`)
    .join(', ')
}

/** The names of properties anywhere in a JSON Schema. */
function namesIn(schema: unknown): readonly string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const { properties } = schema as { properties?: object }
  return [...Object.keys(properties ?? {}), ...Object.values(schema).flatMap(namesIn)]
}
