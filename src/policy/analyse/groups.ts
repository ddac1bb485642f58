import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { quoted } from '../decide/words.ts'
import { suggestion } from '../load/nearest.ts'
import type { LoadedPolicy } from '../load/parse.ts'
import type { PolicyProblem } from '../load/problem.ts'

/** The approver groups that there are, and what the file is called that says so. */
export interface KnownGroups {
  readonly file: string
  readonly names: readonly string[]
}

/** The lists of groups in the text of a policy, with what they are called. */
function* listsIn(text: string, lineCounter: LineCounter): Generator<readonly [string, unknown]> {
  const document = parseDocument(text, { version: '1.2', schema: 'core', lineCounter })
  const rules = document.get('rules', true)
  for (const rule of isSeq(rules) ? rules.items : []) {
    if (isMap(rule)) yield [`rules.${String(rule.get('id'))}.approvers`, rule.get('approvers', true)]
  }
  for (const path of [
    ['approvals', 'who'],
    ['rollback', 'who'],
  ]) {
    yield [path.join('.'), document.getIn(path, true)]
  }
}

/** The groups that the text of a policy names. */
export const groupsIn = (text: string): readonly string[] =>
  [...listsIn(text, new LineCounter())].flatMap(([, list]) =>
    (isSeq(list) ? list.items : []).flatMap((item) => (isScalar(item) ? [String(item.value)] : [])),
  )

/**
 * The groups that a sound policy names and that a mapping of identities does not make, in the order of the file: nobody is ever in
 * them, so what waits for them waits until its deadline.
 */
export function unknownGroups(
  { text }: Pick<LoadedPolicy, 'text'>,
  file: string,
  known: KnownGroups,
): readonly PolicyProblem[] {
  const lineCounter = new LineCounter()
  const found = [...listsIn(text, lineCounter)].flatMap(([where, list]) =>
    (isSeq(list) ? list.items : []).flatMap((item) => {
      const name = isScalar(item) ? String(item.value) : undefined
      if (name === undefined || known.names.includes(name)) return []
      return [{ where, name, offset: (item as Node).range?.[0] ?? 0 }]
    }),
  )
  return found
    .toSorted((a, b) => a.offset - b.offset)
    .map(({ where, name, offset }) => {
      const { line, col: column } = lineCounter.linePos(offset)
      const message = `unknown approver group ${quoted(name)} in ${where}.`
      const help = suggestion(name, known.names, `the groups of ${quoted(known.file)} are`)
      return { code: 'policy_invalid', file, line, column, message, help }
    })
}
