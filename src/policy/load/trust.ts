import { isTrustedLess, TRUSTS } from '../../contract/fact.ts'
import type { KnownFact } from '../../contract/playbook.ts'
import { quoted } from '../decide/words.ts'
import type { Policy, TrustDemand } from '../types.ts'
import { readOneOf, type Reader } from './found.ts'
import { suggestion } from './nearest.ts'
import type { Report } from './problem.ts'
import { type Entry, readEntries, readMap, readSection } from './section.ts'

type KnownFacts = ReadonlyMap<string, KnownFact>

export const TRUST_KEYS = ['at_least', 'on_less'] as const
export const ON_LESS = ['require_approval', 'deny', 'escalate'] as const

export const DEMANDS_NOTHING: Policy['trust'] = { atLeast: [], onLess: 'require_approval' }

function readDemand(entry: Entry, facts: KnownFacts, where: string, report: Report): readonly TrustDemand[] {
  const { key, keyOffset, name } = entry
  const known = facts.get(key)
  if (known === undefined) {
    const help = suggestion(key, [...facts.keys()], 'the facts of this playbook are')
    report.at(keyOffset, `unknown fact ${quoted(key)} in ${where}.`, help)
    return []
  }
  const demanded = readOneOf(TRUSTS)(entry, report)
  if (demanded === undefined) return []
  const { trust } = known.declaration
  if (isTrustedLess(trust, demanded)) return [{ id: name, fact: key, trust: demanded }]
  const message = `\`${name}\` demands \`${demanded}\` and can never match: the contract declares the fact as \`${trust}\`.`
  report.at(keyOffset, message, 'take it out.')
  return []
}

const readDemands =
  (facts: KnownFacts | undefined): Reader<readonly TrustDemand[]> =>
  (found, report) => {
    const map = readMap(found, report)
    if (map === undefined) return undefined
    const entries = readEntries(map, found.name, report)
    return facts === undefined ? [] : entries.flatMap((entry) => readDemand(entry, facts, found.name, report))
  }

/** Reads `trust`; without facts (the playbook is unknown) only its form. */
export const readTrust = (facts: KnownFacts | undefined): Reader<Policy['trust']> =>
  readSection(TRUST_KEYS, (section): Policy['trust'] => ({
    atLeast: section.require('at_least', readDemands(facts), DEMANDS_NOTHING.atLeast),
    onLess: section.read('on_less', readOneOf(ON_LESS), DEMANDS_NOTHING.onLess),
  }))
