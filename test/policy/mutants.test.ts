import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { getOrder, refund } from '../../activities/billing/contract.ts'
import { reply } from '../../activities/helpdesk/contract.ts'
import { diffPolicies } from '../../src/policy/analyse/diff.ts'
import { doubtsAbout } from '../../src/policy/analyse/doubts.ts'
import { unknownGroups } from '../../src/policy/analyse/groups.ts'
import { decide } from '../../src/policy/decide/index.ts'
import { parsePolicy } from '../../src/policy/load/index.ts'
import { refundRequest } from './fake-playbook.ts'
import { type Mutant, mutantsOf } from './mutants.ts'

/** Mistakes that change nothing that a policy says, and why. Whatever else is found by nobody fails the test. */
const HARMLESS: readonly (readonly [what: RegExp, why: string])[] = [
  [/^audit(\.log_level)? dropped$/, 'without the key it is `evidence` too'],
  [/^approvals \{"expires_minutes":4320\} added$/, 'without the key it is three days too'],
  [/^budget \{"on_exceeded":"escalate"\} added$/, 'without the key it is `escalate` too'],
  [/^deny_if\.reason_contains asks contains_any$/, 'of a list, both ask for any of its texts'],
  [/reason_contains(\.\d)? in capitals$/, 'texts are compared without regard to capitals'],
  [/"effect":"allow".* added$/, '`allow` stands on the record and overrules nothing'],
  [/^approvals \{"quorum":1\} added$/, 'without the key it is one too'],
  [/^approvals \{"unsigned":"refuse"\} added$/, 'without the key it is `refuse` too'],
]

const tools = [refund, reply]
const home = join(import.meta.dirname, '..', '..')

type Found =
  | 'refused when read'
  | 'refused by check'
  | 'warned of by check'
  | 'shown by diff'
  | 'harmless'
  | 'found by nobody'

/** Who has to approve and who may undo, which the shipped policies leave to whoever did not ask. */
const PEOPLE = `
approvals: { who: [support, finance], quorum: 2 }
rules:
  - id: large
    effect: require_approval
    when: { refund_amount_usd_gte: 500 }
    approvers: [finance, board]
    quorum: 3
  - id: lawyers
    effect: require_approval
    when: { reason_contains: lawyer }
    approvers: [legal]
`
/** The groups of the mapping of identities. */
const groups = { file: 'identity.yaml', names: ['support', 'finance', 'board', 'legal', 'everybody'] }

const withPeople = (text: string): string => text.replace('enabled: true', 'enabled: true\n who: [support]') + PEOPLE

describe.each([
  ['refund-request', 'as it is shipped', (text: string) => text],
  ['support-request', 'as it is shipped', (text: string) => text],
  ['refund-request', 'with approver groups', withPeople],
] as const)('%s %s', (slug, how, made) => {
  const text = made(readFileSync(join(home, 'policies', `${slug}.yaml`), 'utf8'))
  const name = slug.replace('-', '_')
  const contract = { ...refundRequest, name, tools: [getOrder, ...tools] }
  const read = (policy: string) => parsePolicy(policy, `${slug}.yaml`, [contract])
  const shipped = read(text)
  if (!shipped.ok) throw new Error('the shipped policy is in order')
  const live = shipped.policy

  function found({ what, text: mutated }: Mutant): Found {
    const mutant = read(mutated)
    if (!mutant.ok) return 'refused when read'
    if (unknownGroups(mutant, 'p.yaml', groups).length > 0) return 'refused by check'
    const warned = doubtsAbout(mutant, 'p.yaml', tools).length > 0
    const diff = diffPolicies(live, mutant.policy, tools)
    for (const { regions } of diff.tools) {
      for (const { tool: named, from, to, witness, requires } of regions) {
        const tool = tools.find((each) => each.name === named)
        if (tool === undefined) throw new Error(`there is no ${named}`)
        const says = [live, mutant.policy].map((policy) => decide(policy, tool, witness).effect)
        expect([what, ...says]).toEqual([what, from, to])
        expect({ effect: from, requires: requires.from }).not.toEqual({ effect: to, requires: requires.to })
      }
    }
    const shown = diff.settings.length > 0 || diff.tools.some(({ regions }) => regions.length > 0)
    if (shown) return 'shown by diff'
    if (warned) return 'warned of by check'
    return HARMLESS.some(([pattern]) => pattern.test(what)) ? 'harmless' : 'found by nobody'
  }

  test('each mistake is refused, warned of, shown with a witness, or listed as harmless', () => {
    const mutants = mutantsOf(text)
    const ends = mutants.map((mutant) => ({ what: mutant.what, found: found(mutant) }))
    const counts = Map.groupBy(ends, (end) => end.found)
    console.info(
      `${slug} ${how}: ${mutants.length} mutants: ${[...counts].map(([end, all]) => `${all.length} ${end}`).join(', ')}`,
    )
    expect((counts.get('found by nobody') ?? []).map(({ what }) => what)).toEqual([])
    expect(mutants.length).toBeGreaterThan(140)
    for (const end of [
      'refused when read',
      'refused by check',
      'warned of by check',
      'shown by diff',
      'harmless',
    ] as const) {
      expect(counts.get(end)?.length ?? 0).toBeGreaterThan(0)
    }
  })
})
