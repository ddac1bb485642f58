import { workflowIdOf } from '../../contract/evidence.ts'
import { codeOf } from '../../contract/failures.ts'
import { textOf } from '../../contract/text.ts'
import type { Json } from '../../contract/json.ts'
import type { OutboxEvent } from '../../ledger/outbox.ts'
import type { DataKeys } from '../../privacy/data-keys.ts'
import { open, PLAIN } from '../../privacy/sealed.ts'

/** What of the outbox can be sent, of what is due. */
export interface Opened {
  /** In the clear, in the order in which they were; those whose keys were destroyed meanwhile are left out. */
  readonly events: readonly OutboxEvent[]
  /** All up to this one is in `events` or left out. `undefined`: not even the first one could be opened. */
  readonly through: string | undefined
  /** The first that could not be opened, and whether it ever can. */
  readonly stuck?: { readonly event: OutboxEvent; readonly why: string; readonly isAway: boolean }
}

/** How a text that is sealed begins: no event in the clear begins so. */
const SEALED = '{"sealed":'

/** Opens what is sealed, in the form in which it is to be sent. */
export async function opened(
  keys: DataKeys | undefined,
  due: readonly OutboxEvent[],
  form: 'native' | 'ocsf',
): Promise<Opened> {
  const told = await Promise.allSettled(due.map((event) => openedOne(keys, event, form)))
  const events: OutboxEvent[] = []
  let through: string | undefined
  for (const [at, one] of told.entries()) {
    const event = due[at]
    if (event === undefined) break
    if (one.status === 'fulfilled') events.push(one.value)
    else if (codeOf(one.reason) !== 'payload_erased') {
      const isAway = codeOf(one.reason)?.startsWith('payload_') !== true
      return { events, through, stuck: { event, why: textOf(one.reason), isAway } }
    }
    through = event.id
  }
  return { events, through }
}

async function openedOne(
  keys: DataKeys | undefined,
  event: OutboxEvent,
  form: 'native' | 'ocsf',
): Promise<OutboxEvent> {
  const text = event[form]
  if (!text.startsWith(SEALED)) return event
  const sealed = JSON.parse(text) as Json
  const workflowId = workflowIdOf(event.runKey)
  const plain = keys === undefined ? PLAIN.open(sealed) : await open(keys, sealed, { workflowId })
  return { ...event, [form]: typeof plain === 'string' ? plain : JSON.stringify(plain) }
}
