import type { z } from 'zod'
import { canonicalJson } from '../contract/digest.ts'
import type { FactDeclarations, Facts, FactValue } from '../contract/fact.ts'
import type { PendingApproval } from '../contract/run.ts'
import type { WriteTool } from '../contract/tool.ts'
import { isWritten, writtenIn } from '../policy/decide/words.ts'
import { type Cover, coverOf, type Known, MASKED_TEXT, personalIn } from './redact.ts'
import { withoutSecrets, withoutSecretsIn } from './secrets.ts'
import { type Veil, veil } from './tokens.ts'

/**
 * Who reads what Countersign shows or sends. `operator`: at the command line, with access to the ledger; `approver`: whoever is asked, where
 * he logs in; `model`: an endpoint that answers a thought; `notified`: a mailbox, a chat, a webhook; `log`; `export`: a report that leaves
 * the machine.
 */
export type Reader = 'operator' | 'approver' | 'model' | 'notified' | 'log' | 'export'

/** `all`: the values; `tokens`: one for each value, and what people wrote without such values; `masks`: that there was something. */
type Sight = 'all' | 'tokens' | 'masks'

/** INVARIANT: the one place that says who may see personal values. Secrets nobody may. */
const SIGHT: Readonly<Record<Reader, Sight>> = {
  operator: 'all',
  approver: 'all',
  model: 'tokens',
  notified: 'masks',
  log: 'masks',
  export: 'masks',
}

/** How much a reader may see. */
export const sightOf = (reader: Reader): Sight => SIGHT[reader]

/** For those who see nothing personal that can be told by its form. */
const plainCover = coverOf()

/** A text as a reader may see it. */
export function textFor(reader: Reader, text: string): string {
  const said = withoutSecrets(text)
  return SIGHT[reader] === 'all' ? said : plainCover.text(said)
}

/** What is known of a value: what its contract says of its fields, and personal values that may stand anywhere in it. */
export interface About {
  readonly schema?: z.core.$ZodType
  readonly known?: Iterable<Known>
}

/** A value as a reader may see it: plain JSON in, plain JSON out. */
export function shownTo<T>(reader: Exclude<Reader, 'model'>, value: T, { schema, known }: About = {}): T {
  const said = withoutSecretsIn(value)
  if (SIGHT[reader] === 'all') return said
  const cover: Cover = known === undefined ? plainCover : coverOf({ known })
  return cover.value(said, schema) as T
}

/** The input of a thought as a model may see it, and the way back from what it answers. */
export const veiledFor = (_reader: 'model', input: unknown, schema: z.core.$ZodType, known: Iterable<Known>): Veil =>
  veil(withoutSecretsIn(input), schema, known)

/** What a contract says that is asked about; `undefined`: nobody here has it. */
type Asked = Pick<WriteTool, 'input' | 'declares' | 'describe'> | undefined

/**
 * What people are asked, as they may be told of it outside: nothing of what anybody wrote, and of what would change figures alone. Who asks,
 * who has to answer, and the ids and digests that it takes to answer stay.
 */
export function questionFor(reader: 'notified', question: PendingApproval, contract: Asked): PendingApproval {
  if (SIGHT[reader] === 'all' || question.about !== 'action') return question
  const { action, decision } = question
  const { declares = {} } = contract ?? {}
  const cover = coverOf({ known: [...writtenFacts(action.facts, declares), ...personalOf(action.input, contract)] })
  // What nobody here has the contract of could say anything.
  const told = (text: string): string => (contract === undefined ? MASKED_TEXT : cover.text(withoutSecrets(text)))
  const facts = Object.entries(action.facts).map(([name, value]): [string, FactValue] => [
    name,
    typeof value !== 'string' ? value : isWritten(name, declares) ? MASKED_TEXT : told(value),
  ])
  return {
    ...question,
    describe: told(describedFor(question, cover, contract)),
    decision: {
      ...decision,
      matches: decision.matches.map((match) => ({ ...match, because: told(match.because) })),
    },
    action: {
      ...action,
      facts: Object.fromEntries(facts),
      changes: action.changes.map(({ record, field, from, to }) => ({
        record: told(record),
        field,
        from: figureOf(from),
        to: figureOf(to),
      })),
      evidence: action.evidence.map((citation) => ({ ...citation, reference: told(citation.reference) })),
    },
  }
}

/** Said by the contract of what it is shown itself: so whatever it cuts or rewords is covered, too. */
function describedFor({ describe, ...question }: PendingApproval, cover: Cover, contract: Asked): string {
  if (question.about !== 'action' || contract === undefined) return describe
  const { tool, input } = question.action
  const shown = cover.value(input, contract.input)
  if (canonicalJson(shown) === canonicalJson(input)) return describe
  try {
    return contract.describe(shown)
  } catch {
    // A mask is no address, and no number.
    return tool
  }
}

const personalOf = (input: unknown, contract: Asked): readonly Known[] =>
  contract === undefined ? [] : personalIn(input, contract.input)

/** The texts among facts, in every form in which a reason says them. */
export const writtenFacts = (facts: Facts, declares: FactDeclarations): readonly Known[] =>
  writtenIn(facts, declares).map((text) => ({ kind: 'text', text }))

/** Amounts, small numbers, yes and no. A name, a date and an account could be anybody's. */
const FIGURE = /^(?:-?[$€£][\d,]+\.\d\d|-?\d{1,6}(?:\.\d{1,4})?%?|true|false|)$/
const figureOf = (value: string): string => (FIGURE.test(value) ? value : MASKED_TEXT)
