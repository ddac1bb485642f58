import { expect, test } from 'vitest'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { orderChange, refundRequest, statusReport } from './fake-playbook.ts'

const W = 'workflow: refund_request\n'

/** What it is, the text, and the lines that are printed. */
const REFUSED: readonly (readonly [string, string, ...string[]])[] = [
  ['an empty file', '', 'p.yaml:1:1 the file is empty.', '  start it with the `workflow` that it is the policy of.'],
  [
    'a file of comments',
    '# nothing\n',
    'p.yaml:1:1 the file is empty.',
    '  start it with the `workflow` that it is the policy of.',
  ],
  ['a null', '~\n', 'p.yaml:1:1 a policy is a map of keys, not `~`.', '  start it with `workflow:`.'],
  ['a list', '- a\n', 'p.yaml:1:1 a policy is a map of keys, not a list.', '  start it with `workflow:`.'],
  ['words', 'just words', 'p.yaml:1:1 a policy is a map of keys, not `just words`.', '  start it with `workflow:`.'],
  [
    'an open list',
    'a: [1, 2',
    'p.yaml:1:9 not YAML: Flow sequence in block collection must be sufficiently indented and end with a ].',
    '  see docs/writing-a-policy.md for the form of a policy.',
  ],
  [
    'two colons',
    'a: b: c',
    'p.yaml:1:4 not YAML: Nested mappings are not allowed in compact mappings.',
    '  see docs/writing-a-policy.md for the form of a policy.',
  ],
  [
    'a tab',
    '\ta: 1',
    'p.yaml:1:1 not YAML: Tabs are not allowed as indentation.',
    '  see docs/writing-a-policy.md for the form of a policy.',
  ],
  [
    'an open quote',
    'a: "x',
    'p.yaml:1:6 not YAML: Missing closing "quote.',
    '  see docs/writing-a-policy.md for the form of a policy.',
  ],
  [
    'a per cent sign',
    `${W}x: %y`,
    'p.yaml:2:4 not YAML: Plain value cannot start with directive indicator character %.',
    '  see docs/writing-a-policy.md for the form of a policy.',
  ],
  [
    'two documents',
    `${W}---\nworkflow: x\n`,
    'p.yaml:2:1 a second document.',
    '  a policy file holds one; take out the `---`.',
  ],
  [
    'two documents without a marker',
    `${W}...\nworkflow: x\n`,
    'p.yaml:3:1 a second document.',
    '  a policy file holds one; take out the `---`.',
  ],
  [
    'an empty second document',
    `${W}---\n`,
    'p.yaml:2:1 a second document.',
    '  a policy file holds one; take out the `---`.',
  ],
  [
    'a directive',
    '%YAML 1.2\n---\nworkflow: refund_request\n',
    'p.yaml:1:1 the directive `%YAML 1.2` is not allowed.',
    '  leave it out: policies are YAML 1.2.',
  ],
  [
    'an anchor',
    `${W}audit: &a {export: x}\n`,
    'p.yaml:2:8 the anchor `&a` is not allowed.',
    '  write the value out wherever it is used.',
  ],
  [
    'an alias',
    `${W}audit: *a\n`,
    'p.yaml:2:8 the alias `*a` is not allowed.',
    '  write the value out wherever it is used.',
  ],
  [
    'a tag',
    `${W}max_tool_calls: !!int 5\n`,
    'p.yaml:2:17 the tag `!!int` is not allowed.',
    '  leave it out: the type follows from the key.',
  ],
  [
    'a tag of its own',
    `${W}audit: !run {export: x}\n`,
    'p.yaml:2:8 the tag `!run` is not allowed.',
    '  leave it out: the type follows from the key.',
  ],
  ['a merge key', `${W}<<: {a: 1}\n`, 'p.yaml:2:1 the merge key `<<` is not allowed.', '  write the keys out.'],
  ['__proto__', `${W}__proto__: {a: 1}\n`, 'p.yaml:2:1 the key `__proto__` is not allowed.', '  take it out.'],
  [
    'constructor',
    `${W}rollback: {enabled: false, constructor: 1}\n`,
    'p.yaml:2:28 the key `constructor` is not allowed.',
    '  take it out.',
  ],
  ['prototype', `${W}deny_if: {prototype: 1}\n`, 'p.yaml:2:11 the key `prototype` is not allowed.', '  take it out.'],
  ['a number as key', `${W}5: x\n`, 'p.yaml:2:1 a key must be text, not `5`.', '  put it in quotes or take it out.'],
  ['a list as key', `${W}[a]: x\n`, 'p.yaml:2:1 a key must be text, not a list.', '  put it in quotes or take it out.'],
  [
    'nothing as key',
    `${W}? \n: x\n`,
    'p.yaml:2:3 a key must be text, not nothing.',
    '  put it in quotes or take it out.',
  ],
  [
    'a boolean as key',
    `${W}true: x\n`,
    'p.yaml:2:1 a key must be text, not `true`.',
    '  put it in quotes or take it out.',
  ],
  [
    'a byte order mark',
    '\ufeffworkflow: refund_request\n',
    'p.yaml:1:1 the file starts with a byte order mark.',
    '  save it as UTF-8 without one.',
  ],
  ['a NUL', `${W}# a\0b`, 'p.yaml:2:4 the file holds the control character U+0000.', '  take it out.'],
  ['half a character', `${W}# \ud800`, 'p.yaml:2:3 the file holds half a character (U+D800).', '  save it as UTF-8.'],
  ['a mark of direction', `${W}# \u202e`, 'p.yaml:2:3 the file holds the control character U+202E.', '  take it out.'],
  [
    'a line end that only editors see',
    `${W}# note\u2028deny_if: {}\n`,
    'p.yaml:2:7 the file holds the control character U+2028.',
    '  take it out.',
  ],
  [
    'a lone carriage return',
    `${W}# note\rdeny_if: {}\n`,
    'p.yaml:2:7 the file holds the control character U+000D.',
    '  take it out.',
  ],
  [
    'a deep list',
    `${W}audit: ${'['.repeat(17)}`,
    'p.yaml:2:23 the file nests deeper than 16 levels.',
    '  a policy needs three.',
  ],
  [
    'a deep map',
    `${W}audit: ${'{a: '.repeat(16)}`,
    'p.yaml:2:68 the file nests deeper than 16 levels.',
    '  a policy needs three.',
  ],
  [
    'too many bytes',
    `${W}#${'é'.repeat(32768)}`,
    'p.yaml:1:1 the file is longer than 65536 bytes.',
    '  a policy is a page of text; keep everything else elsewhere.',
  ],
]

test.each(REFUSED)('what is not plain YAML with one map is refused: %s', (_what, text, ...lines) => {
  const parsed = parsePolicy(text, 'p.yaml', [refundRequest, orderChange, statusReport])
  expect(parsed.ok ? [] : parsed.problems.flatMap((problem) => formatProblem(problem).split('\n'))).toEqual(lines)
})
