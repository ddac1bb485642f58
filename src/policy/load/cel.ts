import { createRequire } from 'node:module'
import type * as Cel from '@marcbachmann/cel-js'
import { isScalar } from 'yaml'
import type { KnownFact } from '../../contract/playbook.ts'
import { printable } from '../decide/words.ts'
import type { Expression } from '../types.ts'
import { Mistake, typedCel } from './cel-types.ts'
import { type Found, type Reader, readText } from './found.ts'

/** Characters of one expression. */
export const LONGEST_CEL = 500
const LONGEST_MESSAGE = 120
const LIMITS = { maxAstNodes: 200, maxDepth: 32, maxListElements: 100, maxMapEntries: 1, maxCallArguments: 8 }

// Loaded with the first expression: most policies have none.
const require = createRequire(import.meta.url)
let environment: Cel.Environment | undefined

function parsed(text: string, name: string): Cel.ASTNode {
  if (environment === undefined) {
    const { Environment } = require('@marcbachmann/cel-js') as typeof Cel
    environment = new Environment({ limits: LIMITS })
  }
  try {
    return environment.parse(text).ast
  } catch (error) {
    const { code, summary, range } = error as Partial<Cel.ParseError>
    const at = Math.min(range?.start ?? 0, text.length - 1)
    if (code === 'limit_exceeded') {
      throw new Mistake(at, `\`${name}\` has too many parts, or nests too deep.`, 'make several rules of it.')
    }
    const why = printable(summary ?? 'it cannot be read', LONGEST_MESSAGE)
    throw new Mistake(at, `\`${name}\` is not CEL: ${why}.`, 'see docs/writing-a-policy.md for what it can say.')
  }
}

/**
 * Reads an expression in CEL and types it by the facts of the playbook. The library reads the text and nothing else: what is
 * to be computed is kept as plain JSON. What the docs do not list is refused: regular expressions, clocks, macros, conversions.
 */
export const readExpression =
  (facts: ReadonlyMap<string, KnownFact>): Reader<Expression> =>
  (found, report) => {
    const text = readText(found, report)
    if (text === undefined) return undefined
    const { name } = found
    if (text.trim() === '' || text.length > LONGEST_CEL) {
      const message = `\`${name}\` must have 1 to ${LONGEST_CEL} characters, got ${text.length}.`
      return report.at(found.offset, message, 'say one thing in it, or make several rules of it.')
    }
    try {
      return { id: name, text, ...typedCel(parsed(text, name), name, facts) }
    } catch (error) {
      if (!(error instanceof Mistake)) throw error
      return report.at(placeIn(found, text, error.at, report.text), error.message, error.help)
    }
  }

/**
 * Where a character of a value stands in the file. YAML may fold lines, indent and escape, so characters are looked for one
 * after the other; where that fails, the value itself is the place.
 */
function placeIn({ node, offset }: Found, value: string, at: number, file: string): number {
  if (!isScalar(node)) return offset
  const isBlock = node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED'
  let place = isBlock ? file.indexOf('\n', offset) + 1 : offset + (node.type === 'PLAIN' ? 0 : 1)
  for (const [index, character] of value.split('').entries()) {
    if (character.trim() === '') continue
    place = file.indexOf(character, place)
    if (place === -1) return offset
    if (index >= at) return place
    place++
  }
  return offset
}
