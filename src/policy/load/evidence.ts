import { EVIDENCE_KINDS } from '../../contract/evidence.ts'
import type { PlaybookContract } from '../../contract/playbook.ts'
import { type Risk, RISKS } from '../../contract/tool.ts'
import { quoted } from '../decide/words.ts'
import type { EvidenceDemand } from '../types.ts'
import { MINUTES_A_YEAR } from './approvals.ts'
import { type Found, readOneOf, type Reader, readWholeNumber } from './found.ts'
import { suggestion } from './nearest.ts'
import { readItems, readSection } from './section.ts'

export const MOST_DEMANDS = 20

export const EVIDENCE_KEYS = ['kind', 'risk', 'fresh_minutes'] as const
/** A model's word is no evidence that anybody could demand. */
export const DEMANDED_KINDS = EVIDENCE_KINDS.filter((kind) => kind !== 'model')
export const LEAST_RISK: Risk = 'low'

type Kind = EvidenceDemand['kind']

/** A kind of evidence that some tool of the playbook gives. */
const readKind =
  (contract: PlaybookContract | undefined): Reader<Kind> =>
  (found, report) => {
    const kind = readOneOf(DEMANDED_KINDS)(found, report)
    if (kind === undefined || contract === undefined) return kind
    const given = [...new Set(contract.tools.map(({ evidence }) => evidence.kind))]
    if (given.includes(kind)) return kind
    const message = `\`${found.name}\` demands \`${kind}\`, and no tool of ${quoted(contract.name)} gives that.`
    return report.at(found.offset, message, suggestion(kind, given, 'the kinds that they give are'))
  }

const readDemand = (contract: PlaybookContract | undefined): Reader<EvidenceDemand> =>
  readSection(EVIDENCE_KEYS, (section): EvidenceDemand | undefined => {
    const kind = section.require('kind', readKind(contract), undefined)
    const risk = section.read('risk', readOneOf(RISKS), LEAST_RISK)
    const freshMinutes = section.read('fresh_minutes', readWholeNumber(1, MINUTES_A_YEAR), undefined)
    if (kind === undefined) return undefined
    return { kind, risk, ...(freshMinutes === undefined ? {} : { freshMinutes }) }
  })

/** Reads `evidence`: demands on what writes have to rest on, each of another kind or risk. */
export const readEvidence =
  (contract: PlaybookContract | undefined): Reader<readonly EvidenceDemand[]> =>
  (found, report) => {
    const demands: EvidenceDemand[] = []
    const isTwice = ({ kind, risk }: EvidenceDemand): boolean =>
      demands.some((other) => other.kind === kind && other.risk === risk)
    const items: readonly Found[] | undefined = readItems(found, report, MOST_DEMANDS)
    for (const item of items ?? []) {
      const demand = readDemand(contract)(item, report)
      if (demand === undefined) continue
      if (isTwice(demand)) {
        const message = `two demands are of the kind \`${demand.kind}\` and the risk \`${demand.risk}\`.`
        report.at(item.offset, message, 'keep the stricter one.')
      }
      demands.push(demand)
    }
    return items === undefined ? undefined : demands
  }
