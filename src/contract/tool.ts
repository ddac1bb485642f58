import type { z } from 'zod'
import type { EvidenceKind } from './evidence.ts'
import type { FailureCode } from './failures.ts'
import type { FactDeclarations, FactValues } from './fact.ts'

/** How bad a wrong action is. `high` and `medium` need cited evidence whatever the policy says. */
/** The least first. */
export const RISKS = ['low', 'medium', 'high'] as const
export type Risk = (typeof RISKS)[number]

/**
 * What can be taken back: `reversible` by our own undo, `externally_reversible` by asking somebody else or by
 * a corrective act that does not restore the old state, `irreversible` not at all.
 */
export type Reversibility = 'read_only' | 'reversible' | 'externally_reversible' | 'irreversible'

/**
 * How a repeated write is kept from happening twice. `transaction`: effect and ledger row commit together in
 * the host's database. `key`: the system takes an idempotency key, and remembers it for `keyWindowMs`. `probe`: the
 * system can be asked whether it happened. `none`: an unknown outcome parks the run until an operator settles it.
 */
export type Idempotency = 'transaction' | 'key' | 'probe' | 'none'

/** Capped retries; Temporal's default has no cap. Times in milliseconds. */
export interface Retry {
  /** 1 to 100. */
  readonly maximumAttempts: number
  readonly initialIntervalMs: number
  readonly maximumIntervalMs: number
  readonly backoffCoefficient: number
}

interface Common<Name extends string, I extends z.ZodType, O extends z.ZodType> {
  /** `system.verb`, such as `billing.getOrder`: the activity type, so a wire name. */
  readonly name: Name
  /** What a person reads in the timeline: `look the order up`. */
  readonly title: string
  readonly input: I
  /** An object; what the tool returns is parsed with it before anybody sees it. */
  readonly output: O
  /** Scopes that the tool asks of a principal, such as `billing:read`; at least one. Each has to be granted in the workspace of the run. */
  readonly scopes: readonly string[]
  readonly risk: Risk
  /** One attempt may take so long; milliseconds, at most one hour. */
  readonly startToCloseMs: number
  /** Needed when an attempt may take longer than ten seconds; milliseconds. */
  readonly heartbeatMs?: number
  readonly retry: Retry
  /** Failure codes that are not tried again, beside those that never are. */
  readonly nonRetryable: readonly FailureCode[]
  readonly evidence: {
    readonly kind: EvidenceKind
    /** Names what was read or written, such as `order/ord_1042`. Pure. Method syntax, as in `facts`, is on purpose. */
    reference(input: z.output<I>, output: z.output<O>): string
  }
}

/** A tool that only reads. */
export interface ReadTool<
  Name extends string = string,
  I extends z.ZodType = z.ZodType,
  O extends z.ZodType = z.ZodType,
> extends Common<Name, I, O> {
  readonly kind: 'read'
  readonly reversibility: 'read_only'
  /**
   * Whether it may run as a local activity: fewer events, less latency. Only for reads that answer within
   * two seconds with at most 64 KB; past that an ordinary activity takes over.
   */
  readonly local: boolean
}

/** The tools whose receipts a write must cite, under the names by which `facts` and `supports` see their outputs. */
export type Needs = Readonly<Record<string, ReadTool | WriteTool>>

/** The outputs of the cited receipts: one by each name in `needs`, a list by each in `mayCite`, in the order cited. */
export type Cited<N extends Needs, M extends Needs = None> = {
  readonly [K in keyof N]: z.output<N[K]['output']>
} & { readonly [K in keyof M]: readonly z.output<M[K]['output']>[] }

/** Tells whom an action is about. Method syntax, as in `facts`, is on purpose. */
interface Subject<I extends z.ZodType, N extends Needs, M extends Needs> {
  is(input: z.output<I>, cited: Cited<N, M>): string | undefined
}

type None = { readonly [K in never]: ReadTool }

/** A tool that changes something. */
export interface WriteTool<
  Name extends string = string,
  I extends z.ZodType = z.ZodType,
  O extends z.ZodType = z.ZodType,
  N extends Needs = Needs,
  F extends FactDeclarations = FactDeclarations,
  M extends Needs = Needs,
> extends Common<Name, I, O> {
  readonly kind: 'write'
  readonly reversibility: Exclude<Reversibility, 'read_only'>
  readonly idempotency: Idempotency
  /**
   * How long the system remembers an idempotency key; needed with `key`, and for nothing else. Milliseconds. Past it an
   * unknown outcome is not asked for again: it is probed where the implementation can, or parks the run.
   */
  readonly keyWindowMs?: number
  /** Whether its preview may run as a local activity, as `local` of a read says. Default: no. */
  readonly localPreview?: boolean
  /** Evidence without which the action does not run. */
  readonly needs: N
  /** Tools of which any number of receipts may be cited, none among them. Default: none is looked at. */
  readonly mayCite?: M
  readonly declares: F
  /**
   * Whom an action is about beside who asks for it, by name, such as `customer`: limits over time count by them. Each is
   * pure, called by the host alone, and tells who it is by the cited records; `undefined`: they do not tell.
   */
  readonly subjects?: Readonly<Record<string, Subject<I, N, M>>>
  // Method syntax on purpose: it lets a list hold tools of different types.
  /** The facts that policies decide on. Pure; run by the kernel and again by the host. */
  facts(input: z.output<I>, cited: Cited<N, M>): FactValues<F>
  /** What in the cited records speaks against the action; an empty list when they bear it out. Pure. */
  supports(input: z.output<I>, cited: Cited<N, M>): readonly string[]
  /** One line for people, such as `refund $20.00 of payment pay_1042`. Pure. */
  describe(input: z.output<I>): string
  /** `null` only where reversibility is `irreversible`. */
  readonly undo: { readonly does: string; readonly startToCloseMs: number; readonly retry: Retry } | null
}

export type Tool = ReadTool | WriteTool

/** A model's job: typed in, typed out. Every call is one activity, `model.think`. */
export interface Thought<
  Name extends string = string,
  I extends z.ZodType = z.ZodType,
  O extends z.ZodType = z.ZodType,
> {
  readonly kind: 'think'
  readonly name: Name
  readonly title: string
  /**
   * 1 or more. Raised by hand whenever `instructions`, `prompt` or `output` change: answers are on the record with it,
   * so that what was asked under one version can be told from what was asked under another.
   */
  readonly version: number
  /** Small models route and extract, strong ones plan; configuration maps a role to an endpoint. */
  readonly role: 'route' | 'extract' | 'plan'
  readonly input: I
  /** A plain JSON object, since a model writes it; for OpenAI without optional fields: use `nullable`. */
  readonly output: O
  /** The system prompt: what to do, in which form to answer. */
  readonly instructions: string
  /** The user prompt of an input. Pure. */
  prompt(input: z.output<I>): string
  /** What a model may write at most, its reasoning included. An answer that is cut off there is a failure. */
  readonly maxOutputTokens: number
  readonly startToCloseMs: number
  readonly heartbeatMs?: number
  readonly retry: Retry
}

/** Fills in what is constant of a read. */
export const readTool = <const Name extends string, I extends z.ZodType, O extends z.ZodType>(
  contract: Omit<ReadTool<Name, I, O>, 'kind' | 'reversibility'>,
): ReadTool<Name, I, O> => ({ ...contract, kind: 'read', reversibility: 'read_only' })

/** Types a write from its parts. */
export const writeTool = <
  const Name extends string,
  I extends z.ZodType,
  O extends z.ZodType,
  const N extends Needs,
  const F extends FactDeclarations,
  const M extends Needs = None,
>(
  contract: Omit<WriteTool<Name, I, O, N, F, M>, 'kind'>,
): WriteTool<Name, I, O, N, F, M> => ({ ...contract, kind: 'write' })

/** Types a thought from its parts. */
export const thought = <const Name extends string, I extends z.ZodType, O extends z.ZodType>(
  contract: Omit<Thought<Name, I, O>, 'kind'>,
): Thought<Name, I, O> => ({ ...contract, kind: 'think' })
