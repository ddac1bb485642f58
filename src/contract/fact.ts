import type { Currency, Money } from './money.ts'

/**
 * How far a fact is trusted, the least first: `model` is a model's reading, `request` is what the caller said, `record`
 * was read from a system of record. A trigger on a model's word is advisory.
 */
export const TRUSTS = ['model', 'request', 'record'] as const
export type Trust = (typeof TRUSTS)[number]

/** Whether a trust is less than the one that is demanded. */
export const isTrustedLess = (trust: Trust, demanded: Trust): boolean =>
  TRUSTS.indexOf(trust) < TRUSTS.indexOf(demanded)

/** What people are told behind a fact: whose word it is, unless it is on record. */
export const WHOSE_WORD: Readonly<Record<Trust, string>> = {
  model: " (a model's word)",
  request: " (the caller's word)",
  record: '',
}

/** The declaration of a fact: its type, its unit and where it comes from. */
export type FactDeclaration =
  | { readonly type: 'money'; readonly currency: Currency; readonly trust: Trust }
  | { readonly type: 'number'; readonly unit: string; readonly trust: Trust }
  | { readonly type: 'boolean'; readonly trust: Trust }
  | { readonly type: 'text'; readonly trust: Trust }
  | { readonly type: 'enum'; readonly values: readonly string[]; readonly trust: Trust }

/** The facts that a tool contract declares, by name (`refund_amount_usd`): lower-case words and underscores. */
export type FactDeclarations = Readonly<Record<string, FactDeclaration>>

/** The value of a fact. Money is never a bare number. */
export type FactValue = Money | number | boolean | string

type ValueOf<D extends FactDeclaration> = D extends { type: 'money'; currency: infer C extends Currency }
  ? Money<C>
  : D extends { type: 'number' }
    ? number
    : D extends { type: 'boolean' }
      ? boolean
      : D extends { type: 'enum'; values: readonly (infer V extends string)[] }
        ? V
        : string

/** What `facts` of a contract returns: each declared fact, or `undefined` where the evidence does not tell. */
export type FactValues<F extends FactDeclarations> = { readonly [K in keyof F]: ValueOf<F[K]> | undefined }

/** How far each derived fact is trusted, by its name. */
export type FactTrust = Readonly<Record<string, Trust>>

/** Derived facts as the kernel and the host hand them to the policy; what is unknown is absent. */
export type Facts = Readonly<Record<string, FactValue>>

export const moneyFact = <const C extends Currency>(currency: C, trust: Trust) =>
  ({ type: 'money', currency, trust }) as const
export const numberFact = (unit: string, trust: Trust) => ({ type: 'number', unit, trust }) as const
export const booleanFact = (trust: Trust) => ({ type: 'boolean', trust }) as const
export const textFact = (trust: Trust) => ({ type: 'text', trust }) as const
export const enumFact = <const V extends readonly string[]>(values: V, trust: Trust) =>
  ({ type: 'enum', values, trust }) as const
