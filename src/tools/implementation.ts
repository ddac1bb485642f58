import type { Kysely } from 'kysely'
import type { z } from 'zod'
import type { Preview } from '../contract/action.ts'
import type { Usage } from '../contract/calls.ts'
import type { RunKey } from '../contract/evidence.ts'
import type { JsonObject } from '../contract/json.ts'
import type { Principal } from '../contract/principal.ts'
import type { PromptRecord } from '../contract/prompt.ts'
import type { ReadTool, Thought, Tool, WriteTool } from '../contract/tool.ts'

/** What an implementation is handed beside its input. */
export interface ToolCall {
  readonly runKey: RunKey
  readonly step: string
  /**
   * The same on every attempt of the step, and no other step's: send it to a system that takes idempotency
   * keys. 64 hex digits.
   */
  readonly idempotencyKey: string
  /**
   * Aborted when the attempt is cancelled, the worker drains, or the contract's `startToCloseMs` are over. Hand it to
   * whatever waits: another attempt may begin a second later.
   */
  readonly signal: AbortSignal
  /**
   * A JWT of this host for this step alone, with the scopes of the contract, in the place of a shared key: send it as a bearer
   * token to systems that verify it with the keys in `countersign.keys`. See `signCredential` for its claims.
   */
  credential(): string
  /**
   * `fetch` that sends nothing once the attempt's time is over, even where the process was stopped in between: use it for writes in systems
   * that take no idempotency key. It has `signal` already. Requests by text or `URL`.
   */
  readonly fetch: typeof fetch
  /**
   * The secret that a reference names, such as `secret:CRM_TOKEN` in a field of the input: nowhere else is it ever. What the tool returns
   * or throws is masked where it repeats it. Fails with `secret_unknown`, and with `tool_unavailable` where nobody can tell now.
   */
  secret(reference: string): Promise<string>
  /** Tells Temporal that the attempt is alive; needed where the contract has `heartbeatMs`. */
  heartbeat(): void
  /**
   * The host's database. In `execute` and `undo` of a contract with idempotency `transaction` it is the
   * transaction in which the ledger row commits: do everything in it, and nothing outside it.
   */
  readonly db: Kysely<unknown>
}

/** An attempt to write: for whom, and the fields that the approved preview rested on (`{}` when none was made). */
export interface WriteCall extends ToolCall {
  readonly principal: Principal
  readonly expect: JsonObject
}

/** How a read is done. Throw `fail(code, …)`; anything else thrown becomes `tool_threw` and is tried again. */
export interface ReadImplementation<T extends ReadTool = ReadTool> {
  readonly contract: T
  execute(input: z.output<T['input']>, call: ToolCall): Promise<z.input<T['output']>>
}

/**
 * How a write is done, shown and undone. `execute` checks its own preconditions and `expect` in the
 * transaction of the effect, and throws `world_moved` when the world is not the one that was shown.
 */
export interface WriteImplementation<T extends WriteTool = WriteTool> {
  readonly contract: T
  preview(input: z.output<T['input']>, call: ToolCall): Promise<Preview>
  execute(input: z.output<T['input']>, call: WriteCall): Promise<z.input<T['output']>>
  /**
   * Asks the system whether an attempt with this idempotency key happened: its output, or `null`. Needed where the
   * contract has idempotency `probe`; with `key` it is asked once the key's window is over.
   */
  probe?(input: z.output<T['input']>, call: ToolCall): Promise<z.input<T['output']> | null>
  /** Idempotent. Present exactly when the contract has an undo. Returns one line about what was done. */
  undo?(input: z.output<T['input']>, output: z.output<T['output']>, call: ToolCall): Promise<string>
}

export type ToolImplementation = ReadImplementation | WriteImplementation

/** Binds a contract to the code that fulfils it. */
export function implement<T extends ReadTool>(
  contract: T,
  how: Omit<ReadImplementation<T>, 'contract'>,
): ReadImplementation<T>
export function implement<T extends WriteTool>(
  contract: T,
  how: Omit<WriteImplementation<T>, 'contract'>,
): WriteImplementation<T>
export function implement(contract: Tool, how: object): object {
  return { contract, ...how }
}

/** What a thought gave and cost. */
export interface Thinking extends Usage {
  /** Not yet parsed with the thought's `output`. */
  readonly output: unknown
  /** `deterministic` when no model was asked. */
  readonly model: string
  /** `null` when no model was asked. */
  readonly prompt: PromptRecord | null
}

/** Answers thoughts: a model endpoint by configuration, or plain code. */
export interface Thinker {
  /** Whether plain code answers a thought: it costs nothing and is quick. Default: no. */
  isPlain?(thought: Thought): boolean
  /** Every call of an endpoint goes through the meter. A failure after one says in its details what all of them cost. */
  think(thought: Thought, input: unknown, limits: ThinkLimits): Promise<Thinking>
}

/** Keeps what a run spends on models within its budget, call by call, so that retries cannot pass the cap. */
export interface Meter {
  /** Before each call to an endpoint: sets aside what it can cost at most. Fails with `model_budget_exceeded`, and nothing is set aside. */
  reserve(worst: Usage, what: string): Promise<Reservation>
}

export interface Reservation {
  /** After the call, once: what it really cost, or may have cost when that is not known. */
  settle(used: Usage): Promise<void>
}

/** Where tokens stand in an input for personal values, as a model sees it. */
export interface Veiled {
  /** Such as `<email-1>`. */
  readonly tokens: readonly string[]
  /** What was answered, with the values in the place of their tokens; doing it twice changes nothing. */
  readonly reveal: (answer: unknown) => unknown
}

export interface ThinkLimits {
  /**
   * Present: the input is parsed already, and holds tokens. The host has the values put back in what `think` answers; whoever checks the
   * form of an answer before has to do so first.
   */
  readonly veil?: Veiled
  readonly meter: Meter
  readonly signal: AbortSignal
  heartbeat(): void
}
