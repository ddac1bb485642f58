import { isMoney } from '../../contract/money.ts'
import type { IndexedRun } from '../../ledger/audit-index.ts'
import type { IndexedAmount } from '../../ledger/tables.ts'
import { fieldsOf } from '../fields.ts'
import type { AuditRecord, Entry } from '../record/types.ts'

/** What a sealed run is found by, as far as its record can be read. Pure. */
export function indexed({ runKey, playbook, executions, entries, state }: AuditRecord): IndexedRun {
  const newest = executions.at(-1)
  return {
    runKey,
    playbook: isName(playbook) ? playbook : null,
    workspace: textsOf(entries, 'principal', ({ says }) => fieldsOf(says['principal'])['workspace'])[0] ?? null,
    state: isVeiled(entries.findLast(({ kind }) => kind === 'state'))
      ? (lastState(entries) ?? state)
      : isName(state)
        ? state
        : 'unknown',
    began: executions[0]?.began ?? '',
    closed: newest?.closed ?? null,
    tools: each(entries, ({ says }) => says['tool']),
    rules: textsOf(entries, 'decision', ({ says }) => matchesIn(says).map((match) => match['rule'])),
    failures: each(entries, codesIn).filter((code) => CODE.test(code)),
    approvers: textsOf(entries, 'approval', ({ by }) => by),
    amounts: amountsIn(entries),
    isVeiled: entries.some(isVeiled),
  }
}

/** Failure codes are words of ours; anybody may write anything where one stands. */
const CODE = /^[a-z][a-z_]{0,99}$/

const isVeiled = (entry: Entry | undefined): boolean => entry?.proof === 'sealed' || entry?.proof === 'erased'

/** The state that Temporal was told of last: of an encrypted run the result does not tell. */
const lastState = (entries: readonly Entry[]): string | undefined =>
  each(entries, ({ kind, says }) => (kind === 'state' || kind === 'incident' ? says['state'] : null)).at(-1)

/** The longest name; the database takes no index entry of more than 2,700 bytes. */
const LONGEST = 500

/**
 * Whether a text can be a name of something. Anybody with the namespace can write any text where one stands, also one that the database does not
 * take: it is not searched by, and keeps no run from being sealed.
 */
const isName = (text: unknown): text is string =>
  typeof text === 'string' && text !== '' && text.length <= LONGEST && !text.includes('\0')

/** Texts of entries, each once. */
function each(entries: readonly Entry[], textsIn: (entry: Entry) => unknown): readonly string[] {
  const found = entries.flatMap(textsIn).filter(isName)
  // The last place of each: what was told last stands last.
  return [...new Set(found.toReversed())].toReversed()
}

const textsOf = (
  entries: readonly Entry[],
  kind: Entry['kind'],
  textsIn: (entry: Entry) => unknown,
): readonly string[] =>
  each(
    entries.filter((entry) => entry.kind === kind),
    textsIn,
  )

const matchesIn = ({ matches }: Entry['says']) => (Array.isArray(matches) ? matches.map(fieldsOf) : [])

/** With what a step, a message or the run failed or was refused. What the ledger says otherwise is no failure. */
const codesIn = ({ kind, says }: Entry): readonly unknown[] =>
  kind === 'difference'
    ? []
    : [
        ...['failure', 'because', 'answer', 'refused'].map((name) => fieldsOf(says[name])['code']),
        ...(typeof says['because'] === 'string' ? [says['because']] : []),
      ]

/** The amounts among the facts that were decided on, as they were when that was decided last. */
function amountsIn(entries: readonly Entry[]): readonly IndexedAmount[] {
  const last = new Map<string, IndexedAmount>()
  for (const { kind, step, says } of entries) {
    if (kind !== 'decision') continue
    for (const [fact, value] of Object.entries(fieldsOf(says['facts']))) {
      if (!isMoney(value) || !isName(fact) || !isName(step)) continue
      const { currency, cents } = value
      last.set(`${step} ${fact}`, { step, fact, currency, cents })
    }
  }
  return [...last.values()]
}
