import { CST, isMap, isScalar, isSeq, Lexer, type Node, parseDocument, Parser, type YAMLMap, type YAMLSeq } from 'yaml'
import { printable, quoted } from '../decide/words.ts'
import { describe } from './found.ts'
import type { Report } from './problem.ts'

/** The longest policy text, in bytes of UTF-8. */
export const MAX_BYTES = 64 * 1024
/** The longest decision table, in bytes of UTF-8. */
export const MAX_TABLE_BYTES = 1024 * 1024
const MAX_DEPTH = 16

/** What people are told about texts of one kind. */
interface Form {
  readonly what: 'policy' | 'decision table' | 'mapping of identities'
  readonly maxBytes: number
  readonly tooLong: string
  readonly tooDeep: string
}

const POLICY: Form = {
  what: 'policy',
  maxBytes: MAX_BYTES,
  tooLong: 'a policy is a page of text; keep everything else elsewhere.',
  tooDeep: 'a policy needs three.',
}
const TABLE: Form = {
  what: 'decision table',
  maxBytes: MAX_TABLE_BYTES,
  tooLong: 'keep the cases that tell something.',
  tooDeep: 'a decision table needs three.',
}
const MAPPING: Form = {
  what: 'mapping of identities',
  maxBytes: MAX_BYTES,
  tooLong: 'list groups and not people.',
  tooDeep: 'a mapping needs five.',
}

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

function checkCharacters(text: string, report: Report, { maxBytes, tooLong }: Form): void {
  if (Buffer.byteLength(text) > maxBytes) report.at(0, `the file is longer than ${maxBytes} bytes.`, tooLong)
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
function checkTokens(text: string, report: Report, { tooDeep }: Form): void {
  const parser = new Parser()
  let offset = 0
  let isContent = false
  for (const lexeme of new Lexer().lex(text)) {
    for (const _ of parser.next(lexeme)) continue // only its stack is of interest
    if (parser.stack.filter((token) => 'items' in token).length > MAX_DEPTH) {
      report.at(offset, `the file nests deeper than ${MAX_DEPTH} levels.`, tooDeep)
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

/** Reads a text as plain YAML 1.2; `undefined` when it is not. Neither throws nor hangs, whatever the text. */
function readPlain(text: string, report: Report, form: Form): Node | undefined {
  checkCharacters(text, report, form)
  if (!report.isEmpty) return undefined
  checkTokens(text, report, form)
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
      report.at(pos[0], 'a second document.', `a ${form.what} file holds one; take out the \`---\`.`)
    else {
      const help = `see ${report.form.docs} for the form of a ${form.what}.`
      report.at(pos[0], `not YAML: ${sentence(message)}`, help)
    }
  }
  return report.isEmpty ? (document.contents ?? undefined) : undefined
}

const isEmpty = (node: Node | undefined): boolean =>
  node === undefined || (isScalar(node) && node.value === null && node.source === '')

/** Reads a policy text as plain YAML 1.2 with a map at its top. `undefined` when it is not; why is in the report. */
export function readSource(text: string, report: Report): YAMLMap | undefined {
  const contents = readPlain(text, report, POLICY)
  if (!report.isEmpty) return undefined
  if (isMap(contents)) return contents
  if (isEmpty(contents)) {
    return report.at(0, 'the file is empty.', 'start it with the `workflow` that it is the policy of.')
  }
  const message = `a policy is a map of keys, not ${describe(contents ?? null)}.`
  return report.at(contents?.range?.[0] ?? 0, message, 'start it with `workflow:`.')
}

/** Reads a mapping of identities as plain YAML 1.2 with a map at its top. `undefined` when it is not; why is in the report. */
export function readMappingSource(text: string, report: Report): YAMLMap | undefined {
  const contents = readPlain(text, report, MAPPING)
  if (!report.isEmpty) return undefined
  if (isMap(contents)) return contents
  const message = isEmpty(contents) ? 'the file is empty.' : `it is a map of keys, not ${describe(contents ?? null)}.`
  return report.at(contents?.range?.[0] ?? 0, message, 'start it with `issuers:`.')
}

/** Reads a decision table as plain YAML 1.2 with a list at its top. `undefined` when it is not; why is in the report. */
export function readTableSource(text: string, report: Report): YAMLSeq | undefined {
  const contents = readPlain(text, report, TABLE)
  if (!report.isEmpty) return undefined
  if (isSeq(contents) && contents.items.length > 0) return contents
  const help = 'start each case with `- name:`.'
  if (isEmpty(contents) || isSeq(contents)) return report.at(0, 'the decision table is empty.', help)
  const message = `a decision table is a list of cases, not ${describe(contents ?? null)}.`
  return report.at(contents?.range?.[0] ?? 0, message, help)
}
