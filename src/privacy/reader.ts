import type { z } from 'zod'
import type { Notice } from '../contract/notice.ts'
import { type Cover, coverOf, type Known } from './redact.ts'
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

/**
 * A question as people may be told of it outside. Who asks, who has to answer, and what to type is what it takes to answer, and stays.
 */
export function noticeFor(reader: 'notified', notice: Notice, known: Iterable<Known>): Notice {
  if (SIGHT[reader] === 'all') return notice
  const { describe, because, facts, changes, evidence } = notice
  const told = shownTo(reader, { describe, because, facts, changes, evidence }, { known })
  return { ...notice, ...told }
}
