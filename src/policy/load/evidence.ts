import { EVIDENCE_KINDS } from '../../contract/evidence.ts'
import { RISKS } from '../../contract/tool.ts'
import { MINUTES_A_YEAR } from './approvals.ts'
import { readOneOf, type Reader, readWholeNumber } from './found.ts'
import type { Planned } from './not-enforced.ts'
import { readItems, readSection } from './section.ts'

const MOST_DEMANDS = 20

const KEYS = ['kind', 'risk', 'fresh_minutes'] as const
/** A model's word is no evidence that anybody could demand. */
const KINDS = EVIDENCE_KINDS.filter((kind) => kind !== 'model')

/** One demand: writes of at least that risk (default: all) rest on such evidence, at most so old (default: any age). */
const readDemand = readSection(KEYS, (section) => ({
  kind: section.require('kind', readOneOf(KINDS), undefined),
  risk: section.read('risk', readOneOf(RISKS), 'low'),
  freshMinutes: section.read('fresh_minutes', readWholeNumber(1, MINUTES_A_YEAR), null),
}))

const readDemands: Reader<unknown> = (found, report) =>
  readItems(found, report, MOST_DEMANDS)?.map((item) => readDemand(item, report))

export const EVIDENCE: Planned = {
  read: readDemands,
  holds: 'a write rests on the records that the contract of its tool needs, however old they are',
}
