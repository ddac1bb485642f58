import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson } from '../../src/contract/digest.ts'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { orderChange, refundRequest } from './fake-playbook.ts'
import { fuzzing } from './fuzzing.ts'

const runs = fuzzing('load-fuzz')

const LONGEST_MS = 5000
const example = readFileSync(new URL('../../policies/refund-request.yaml', import.meta.url), 'utf8')

/** Whatever the text: an answer in time, and either a policy that can be digested or problems with their places. */
const holds = (text: string): void => {
  const start = performance.now()
  const parsed = parsePolicy(text, 'p.yaml', [refundRequest, orderChange])
  expect(performance.now() - start).toBeLessThan(LONGEST_MS)
  if (parsed.ok) canonicalJson(parsed.policy)
  const problems = parsed.ok ? [] : parsed.problems
  expect(problems.length === 0).toBe(parsed.ok)
  const lines = text.split('\n')
  for (const problem of problems) {
    const line = lines[problem.line - 1] ?? expect.fail(`there is no line ${problem.line}`)
    expect(problem.column).toBeGreaterThan(0)
    expect(problem.column).toBeLessThanOrEqual(line.length + 1)
    // oxlint-disable-next-line no-control-regex -- a problem is printed on a terminal
    expect(formatProblem(problem)).toMatch(/^p\.yaml:\d+:\d+ [^\n\0-\x1f\x7f]+\n  [^\n\0-\x1f\x7f]+$/)
  }
}

/** The counterexample, as it is printed; `undefined` when there is none. */
const run = (texts: fc.Arbitrary<string>, numRuns: number): string | undefined =>
  fc.defaultReportMessage(fc.check(fc.property(texts, holds), runs(numRuns)))

const KEYS =
  'workflow refund_request model_budget_usd deny_if requires_approval_if audit rollback budget reason_contains ' +
  'trust at_least on_less record request refund_amount_usd reason ' +
  'refund_amount_usd_gte customer_tier_in order_age_days_lt customer_blocked_eq plus << __proto__ constructor'
const VALUES = '~ true .nan .inf -1 0x10 0o7 1e9 50 0.20 "" é 🙂 \\u200b'
const MARKS =
  ': | :|, |,|- |[|]|{|}|"|\'|>|#|&a |*a|!!str |? |%|@|`|\t| |\n|\n |\n  |---\n|...\n|\r|\0|\ud800|\ufeff|\u202e|\u200b'
const word = fc.constantFrom(...KEYS.split(' '), ...VALUES.split(' '), ...MARKS.split('|'), '|')

/** The example with some of its pieces taken out, doubled or exchanged. */
const mutated = fc
  .array(fc.record({ at: fc.nat(example.length), length: fc.nat(12), put: fc.oneof(word, fc.string()) }), {
    minLength: 1,
    maxLength: 5,
  })
  .map((edits) =>
    edits.reduce((text, { at, length, put }) => text.slice(0, at) + put + text.slice(at + length), example),
  )

const opening = fc.constantFrom(
  '[',
  '{',
  '- ',
  '? ',
  ': ',
  '{a: ',
  '[a, ',
  '[{',
  'a: ',
  '\n ',
  '"',
  "'",
  '|\n',
  '&a ',
  '!',
)

test('any text has an answer', () => {
  expect(run(fc.string({ unit: 'binary', maxLength: 300 }), 4000)).toBeUndefined()
})

test('any sequence of what policies are made of has an answer', () => {
  const sequence = fc.array(word, { maxLength: 60 }).map((words) => words.join(''))
  expect(run(sequence, 7500)).toBeUndefined()
})

test('the example with mistakes has an answer', () => {
  expect(run(mutated, 8000)).toBeUndefined()
})

test('deep nesting has an answer', () => {
  const start = fc.constantFrom('', 'workflow: refund_request\naudit: ')
  const deep = fc
    .tuple(start, opening, fc.integer({ min: 1, max: 2000 }))
    .map(([before, piece, depth]) => before + piece.repeat(depth))
  expect(run(deep, 460)).toBeUndefined()
})

test('the largest nestings, lists and maps have an answer', () => {
  const large = fc.tuple(opening, word, fc.boolean()).map(([piece, other, both]) => {
    const unit = both ? piece + other : piece
    return unit.repeat(Math.floor(65_000 / unit.length))
  })
  const largest = fc.constantFrom(
    Array.from({ length: 350 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
    Array.from({ length: 9000 }, (_, at) => `k${at}: 1`).join('\n'),
    'a: 1\n'.repeat(13_000),
    `deny_if: {reason_in: [${'a,'.repeat(32_000)}]}`,
  )
  expect(run(fc.oneof(large, largest), 40)).toBeUndefined()
})
