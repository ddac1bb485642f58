import { CST, isMap, isScalar, Lexer, parseDocument, Parser, type YAMLMap } from 'yaml'
import { printable, quoted } from '../decide/words.ts'
import { describe } from './found.ts'
import type { Report } from './problem.ts'

/** The longest policy text, in bytes of UTF-8. */
export const MAX_BYTES = 64 * 1024
const MAX_DEPTH = 16

const FORBIDDEN_TOKENS: Readonly<Record<string, string>> = {
  anchor: 'write the value out wherever it is used.',
  alias: 'write the value out wherever it is used.',
  tag: 'leave it out: the type follows from the key.',
  directive: 'leave it out: policies are YAML 1.2.',
}

// Controls but tab and line ends; and what makes a text read otherwise than it stands: marks of direction, and line
// ends that end a line for an editor but not for YAML.
const UNREADABLE =
  // oxlint-disable-next-line no-control-regex -- these are what must not get in
  /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]|\r(?!\n)/g
const HALF_CHARACTER = /\p{Surrogate}/gu

const codePoint = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`

function checkCharacters(text: string, report: Report): void {
  if (Buffer.byteLength(text) > MAX_BYTES) {
    report.at(
      0,
      `the file is longer than ${MAX_BYTES} bytes.`,
      'a policy is a page of text; keep everything else elsewhere.',
    )
  }
  if (text.startsWith('\uFEFF'))
    report.at(0, 'the file starts with a byte order mark.', 'save it as UTF-8 without one.')
  for (const { 0: character, index } of text.matchAll(UNREADABLE)) {
    report.at(index, `the file holds the control character ${codePoint(character)}.`, 'take it out.')
  }
  for (const { 0: character, index } of text.matchAll(HALF_CHARACTER)) {
    report.at(index, `the file holds half a character (${codePoint(character)}).`, 'save it as UTF-8.')
  }
}

/** Depth and tokens are checked before the tree is built: the builder is recursive and overflows its stack. */
function checkTokens(text: string, report: Report): void {
  const parser = new Parser()
  let offset = 0
  let isContent = false
  for (const lexeme of new Lexer().lex(text)) {
    for (const _ of parser.next(lexeme)) continue // only its stack is of interest
    if (parser.stack.filter((token) => 'items' in token).length > MAX_DEPTH) {
      report.at(offset, `the file nests deeper than ${MAX_DEPTH} levels.`, 'a policy needs three.')
      return
    }
    const type = isContent ? null : CST.tokenType(lexeme)
    isContent = lexeme === CST.SCALAR
    if (isContent || lexeme === CST.DOCUMENT || lexeme === CST.FLOW_END) continue
    const word = type === 'directive-line' ? 'directive' : type
    const help = word === null ? undefined : FORBIDDEN_TOKENS[word]
    if (help !== undefined) report.at(offset, `the ${word} ${quoted(lexeme)} is not allowed.`, help)
    offset += lexeme.length
  }
}

const LONGEST_MESSAGE = 160

const sentence = (message: string): string => `${printable(message, LONGEST_MESSAGE).replace(/[.:]?\s*$/, '')}.`

/**
 * Reads a policy text as plain YAML 1.2 with a map at its top. `undefined` when it is not; why is in the report.
 * Neither throws nor hangs, whatever the text.
 */
export function readSource(text: string, report: Report): YAMLMap | undefined {
  checkCharacters(text, report)
  if (!report.isEmpty) return undefined
  checkTokens(text, report)
  if (!report.isEmpty) return undefined

  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    uniqueKeys: false, // checked where the keys are read, in linear time
    prettyErrors: false,
    logLevel: 'error', // at `silent` it would pass over a second document
  })
  for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
    if (code === 'MULTIPLE_DOCS')
      report.at(pos[0], 'a second document.', 'a policy file holds one; take out the `---`.')
    else report.at(pos[0], `not YAML: ${sentence(message)}`, 'see docs/writing-a-policy.md for the form of a policy.')
  }
  if (!report.isEmpty) return undefined

  const { contents } = document
  if (isMap(contents)) return contents
  const isEmpty = contents === null || (isScalar(contents) && contents.value === null && contents.source === '')
  if (isEmpty) report.at(0, 'the file is empty.', 'start it with the `workflow` that it is the policy of.')
  else
    report.at(contents.range[0], `a policy is a map of keys, not ${describe(contents)}.`, 'start it with `workflow:`.')
  return undefined
}
