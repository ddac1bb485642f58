import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  countOf,
  missingText,
  type Requirement,
  requirementText,
  speaksFor,
  type Standing,
  unmet,
  type Voice,
} from '../../src/contract/approving.ts'
import { sameName } from '../../src/contract/principal.ts'

/* Who counts for whom, and how many are enough. */
const voice = (by: string, groups: readonly string[] = [], ...from: readonly string[]): Voice => ({
  by,
  standing: { groups, delegated: from.map((one) => ({ group: 'finance', from: one })) },
})
const FINANCE = (quorum: number): Requirement => ({ groups: ['finance'], quorum })
const ANYBODY = (quorum: number): Requirement => ({ groups: [], quorum })

describe('in whose name a voice counts', () => {
  test.each<readonly [string, Voice, Requirement, readonly string[], readonly string[]]>([
    ['somebody where no group is named: himself', voice('ben'), ANYBODY(1), [], ['ben']],
    ['a delegate where no group is named: himself alone', voice('ben', [], 'cleo'), ANYBODY(1), [], ['ben']],
    ['somebody in the group: himself', voice('ben', ['finance']), FINANCE(1), [], ['ben']],
    ['somebody in another group: nobody', voice('ben', ['legal']), FINANCE(1), [], []],
    ['somebody in every group: himself', voice('ben', ['*']), FINANCE(1), [], ['ben']],
    ['a delegate: whom he speaks for', voice('ben', [], 'cleo', 'dan'), FINANCE(1), [], ['cleo', 'dan']],
    ['a delegate in the group: himself first', voice('ben', ['finance'], 'cleo'), FINANCE(1), [], ['ben', 'cleo']],
    ['a delegate of one who asked: nobody', voice('ben', [], 'cleo'), FINANCE(1), ['CLEO'], []],
    [
      'a delegate in a group of another requirement: nobody',
      voice('ben', [], 'cleo'),
      { groups: ['legal'], quorum: 1 },
      [],
      [],
    ],
  ])('%s', (_what, who, requirement, askers, names) => {
    expect(speaksFor(who, requirement, askers)).toEqual(names)
  })
})

describe('how many they are', () => {
  test.each<readonly [string, readonly Voice[], number]>([
    ['nobody', [], 0],
    ['one', [voice('ben', ['finance'])], 1],
    ['one who says it twice', [voice('ben', ['finance']), voice('ben', ['finance'])], 1],
    [
      'one in other letters',
      [
        voice('ben', ['finance']),
        voice('BEN', ['finance']),
        voice('ｂｅｎ', ['finance']),
        voice('b\u200ben', ['finance']),
      ],
      1,
    ],
    ['two', [voice('ben', ['finance']), voice('cleo', ['finance'])], 2],
    ['one and who speaks for him', [voice('ben', ['finance']), voice('dan', [], 'ben')], 1],
    ['two who speak for one', [voice('dan', [], 'ben'), voice('eve', [], 'BEN')], 1],
    ['one who speaks for himself and for another', [voice('ben', ['finance'], 'cleo')], 1],
    [
      'one who speaks for himself and for another, and that other',
      [voice('ben', ['finance'], 'cleo'), voice('cleo', ['finance'])],
      2,
    ],
    ['one who speaks for two', [voice('dan', [], 'ben', 'cleo')], 1],
    ['two who speak for each other', [voice('ben', ['finance'], 'cleo'), voice('cleo', ['finance'], 'ben')], 2],
    // Who is counted first must not leave somebody else without a name.
    [
      'three for three names, each for two of them',
      [voice('x', [], 'a', 'b'), voice('y', [], 'c', 'b'), voice('z', [], 'a', 'c')],
      3,
    ],
    ['three for two names', [voice('x', [], 'a', 'b'), voice('y', [], 'a', 'b'), voice('z', [], 'a', 'b')], 2],
  ])('%s', (_what, voices, count) => {
    expect(countOf(FINANCE(1), voices, [])).toBe(count)
    expect(countOf(FINANCE(1), voices.toReversed(), [])).toBe(count)
  })
})

test('each requirement is met by itself, and what is open is told', () => {
  const legal: Requirement = { groups: ['legal', 'board'], quorum: 1 }
  const voices = [voice('ben', ['finance'])]
  expect(unmet([FINANCE(1), FINANCE(2), legal, ANYBODY(1), ANYBODY(2)], voices, [])).toEqual([
    FINANCE(1),
    legal,
    ANYBODY(1),
  ])
  expect([FINANCE(2), legal, ANYBODY(1)].map(requirementText)).toEqual([
    '2 of finance',
    '1 of legal, board',
    '1 other than the requester',
  ])
})

test('what people still wait for says how many more it takes', () => {
  const legal: Requirement = { groups: ['legal', 'board'], quorum: 1 }
  const missingAfter = (requires: readonly Requirement[], ...voices: readonly Voice[]): string =>
    missingText(requires, unmet(requires, voices, ['ana']))
  const ben = voice('ben', ['finance'])
  expect(missingAfter([FINANCE(3), legal])).toBe('3 of finance and 1 of legal, board')
  expect(missingAfter([FINANCE(3), legal], ben)).toBe('2 more of finance and 1 of legal, board')
  expect(missingAfter([FINANCE(1), legal], ben)).toBe('1 of legal, board')
  expect(missingAfter([FINANCE(2)], ben, voice('ben', ['finance'], 'ana'))).toBe('1 more of finance')
  expect(missingAfter([ANYBODY(2)], ben)).toBe('1 more other than the requester')
})

/** The definition: the most speakers, each of whom can be given a name of his own among those that he speaks for. */
function definition(requirement: Requirement, voices: readonly Voice[], askers: readonly string[]): number {
  const speakers: { readonly by: string; readonly names: string[] }[] = []
  for (const one of voices) {
    const known = speakers.find(({ by }) => sameName(by, one.by))
    const names = speaksFor(one, requirement, askers)
    if (known === undefined) speakers.push({ by: one.by, names: [...names] })
    else known.names.push(...names)
  }
  const most = (at: number, taken: readonly string[]): number => {
    const speaker = speakers[at]
    if (speaker === undefined) return 0
    const free = speaker.names.filter((name) => !taken.some((other) => sameName(other, name)))
    return Math.max(most(at + 1, taken), ...free.map((name) => 1 + most(at + 1, [...taken, name])))
  }
  return most(0, [])
}

const names = fc.constantFrom('ana', 'ben', 'BEN', 'ｂｅｎ', 'cleo', 'Cleo\u200b', 'dan', 'eve')
const group = fc.constantFrom('finance', 'legal', '*')
const standing: fc.Arbitrary<Standing> = fc.record({
  groups: fc.uniqueArray(group, { maxLength: 2 }),
  delegated: fc.array(fc.record({ group, from: names }), { maxLength: 3 }),
})
const voices: fc.Arbitrary<readonly Voice[]> = fc.array(fc.record({ by: names, standing }), { maxLength: 6 })
const requirement: fc.Arbitrary<Requirement> = fc.record({
  groups: fc.uniqueArray(fc.constantFrom('finance', 'legal'), { maxLength: 2 }),
  quorum: fc.integer({ min: 1, max: 4 }),
})
const askers = fc.uniqueArray(names, { maxLength: 2 })

describe('whatever they say', () => {
  test('as many count as the definition says, in any order', () => {
    fc.assert(
      fc.property(requirement, voices, askers, fc.nat(), (needs, said, asked, turn) => {
        const count = countOf(needs, said, asked)
        expect(count).toBe(definition(needs, said, asked))
        const at = said.length === 0 ? 0 : turn % said.length
        expect(countOf(needs, [...said.slice(at), ...said.slice(0, at)], asked)).toBe(count)
      }),
      { numRuns: 3_000 },
    )
  })

  test('one voice more is at most one more, and never one less; no more count than have spoken', () => {
    fc.assert(
      fc.property(requirement, voices, fc.record({ by: names, standing }), askers, (needs, said, more, asked) => {
        const [before, after] = [countOf(needs, said, asked), countOf(needs, [...said, more], asked)]
        expect(after - before === 0 || after - before === 1).toBe(true)
        const distinct = said.filter((one, at) => said.findIndex((other) => sameName(one.by, other.by)) === at)
        expect(before).toBeLessThanOrEqual(distinct.length)
      }),
      { numRuns: 3_000 },
    )
  })

  test('nobody is spoken for who asked, nor by who was not given it', () => {
    fc.assert(
      fc.property(requirement, voices, askers, (needs, said, asked) => {
        for (const one of said) {
          for (const name of speaksFor(one, needs, asked)) {
            if (name === one.by) continue
            expect(asked.some((asker) => sameName(asker, name))).toBe(false)
            expect(
              one.standing.delegated.some(({ from, group: of }) => from === name && needs.groups.includes(of)),
            ).toBe(true)
          }
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
