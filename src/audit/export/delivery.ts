import type { OutboxEvent } from '../../ledger/outbox.ts'

/** What came of sending events to a sink. */
export type Delivered =
  /** All of them arrived, as far as the sink tells. */
  | { readonly came: 'sent' }
  /** Nobody knows whether any did: they are sent again, no sooner than after so many milliseconds where the sink said so. */
  | { readonly came: 'again'; readonly why: string; readonly afterMs?: number }
  /** The sink calls one of them malformed, or all too large: `at` tells which, where it does. */
  | { readonly came: 'refused'; readonly why: string; readonly at?: number }
  /** Meanwhile somebody else has the sink. */
  | { readonly came: 'lost' }

/** A sink that events are sent to. */
export interface Outlet {
  /** The most events, and bytes, that it is given at once. */
  readonly most: number
  readonly mostBytes: number
  /** Never throws, and what it tells of a failure holds no secret. `keep` is asked before each wait: `false`, and it is given up. */
  deliver(events: readonly OutboxEvent[], keep: () => Promise<boolean>, signal: AbortSignal): Promise<Delivered>
}
