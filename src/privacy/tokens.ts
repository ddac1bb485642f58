import type { z } from 'zod'
import { coverOf, type CoveredKind, jsonIn, type Known, personalIn } from './redact.ts'

/** What a model is shown in the place of an input, and the way back. */
export interface Veil {
  /** The input, with a token in the place of each personal value. */
  readonly shown: unknown
  /** Such as `<email-1>`; of this one input, and resolved by this veil alone. */
  readonly tokens: readonly string[]
  /**
   * What a model answered, with the values in the place of their tokens. A token that is none of this veil stays what it is; doing
   * it twice changes nothing.
   */
  readonly reveal: (answer: unknown) => unknown
}

const TOKEN = /<[a-z]+-\d{1,9}>/g
/** As a token stands in a text, or in JSON within a text. */
const LIKE_ONE = /(?:<|\\u003c)([a-z]+-\d{1,9})(?:>|\\u003e)/gi

/**
 * Puts tokens in the place of personal values: of those that the schema names, of `known` ones, and of what can be told by its form.
 * The same value has the same token throughout. What somebody wrote stays, less what is personal in it.
 */
export function veil(input: unknown, schema: z.core.$ZodType, known: Iterable<Known> = []): Veil {
  const taken = new Set(likeTokensIn(input))
  const tokens = new Map<string, string>()
  const values = new Map<string, unknown>()
  const counts = new Map<CoveredKind, number>()
  const mark = (kind: CoveredKind, value: string): string => {
    const same = tokens.get(value)
    if (same !== undefined) return same
    let count = counts.get(kind) ?? 0
    // What only looks like a token of ours was there before: it must not come to mean anything.
    do count++
    while (taken.has(`${kind}-${count}`))
    counts.set(kind, count)
    const token = `<${kind}-${count}>`
    tokens.set(value, token)
    values.set(token, value)
    return token
  }
  const cover = coverOf({ mark, known: [...personalIn(input, schema), ...known], keepsTexts: true })
  const shown = cover.value(input, schema)
  return {
    shown,
    tokens: [...values.keys()],
    reveal: (answer) => (values.size === 0 ? answer : revealed(answer, values)),
  }
}

function likeTokensIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [...value.matchAll(LIKE_ONE)].map(([, name = '']) => name.toLowerCase())
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => [...likeTokensIn(name), ...likeTokensIn(inner)])
}

function revealed(value: unknown, values: ReadonlyMap<string, unknown>): unknown {
  if (typeof value === 'string') return revealedText(value, values)
  if (Array.isArray(value)) return value.map((each) => revealed(each, values))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [revealedText(name, values), revealed(inner, values)]),
  )
}

function revealedText(text: string, values: ReadonlyMap<string, unknown>): string {
  // The fields of a proposed call are JSON within a text: a value must not break out of the string that its token stood in.
  const inner = jsonIn(text)
  if (inner !== undefined) {
    const before = JSON.stringify(inner)
    const after = JSON.stringify(revealed(inner, values))
    return before === after ? text : after
  }
  if (!text.includes('<')) return text
  return text.replace(TOKEN, (token) => (values.has(token) ? String(values.get(token)) : token))
}
