import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import type { PolicyProblem } from '../load/problem.ts'

/** Where in its file something stands. */
export type Place = Pick<PolicyProblem, 'line' | 'column'>

/** The sections of which each key is something that can match. */
const KEYED = [['deny_if'], ['requires_approval_if'], ['trust', 'at_least']] as const

/** Where triggers, demands of trust and freshness, and the ids of rules stand in the text of a sound policy, by what they are called on the record. */
export function placesOf(text: string): ReadonlyMap<string, Place> {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { version: '1.2', schema: 'core', lineCounter })
  const places = new Map<string, Place>()
  const put = (id: string, node: Node): void => {
    const { line, col: column } = lineCounter.linePos(node.range?.[0] ?? 0)
    places.set(id, { line, column })
  }
  for (const path of KEYED) {
    const section = document.getIn(path, true)
    if (!isMap(section)) continue
    for (const { key } of section.items) {
      if (isScalar(key)) put([...path, String(key.value)].join('.'), key)
    }
  }
  const rules = document.get('rules', true)
  for (const rule of isSeq(rules) ? rules.items : []) {
    const id = isMap(rule) ? rule.get('id', true) : undefined
    if (isScalar(id)) put(`rules.${String(id.value)}`, id)
  }
  const evidence = document.get('evidence', true)
  for (const [at, demand] of (isSeq(evidence) ? evidence.items : []).entries()) {
    const key = isMap(demand)
      ? demand.items.find((each) => isScalar(each.key) && each.key.value === 'fresh_minutes')?.key
      : undefined
    if (isScalar(key)) put(`evidence.${at}`, key)
  }
  return places
}
