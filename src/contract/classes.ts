/* oxlint-disable no-underscore-dangle -- zod's own name of what a schema is made of */
import { z } from 'zod'

/**
 * What personal values are: it names the token that a model sees in the place of one. `text` is what somebody wrote: a model reads it,
 * without the personal values in it; whoever else may not see personal values sees nothing of it.
 */
export const PII_KINDS = ['text', 'name', 'email', 'phone', 'address', 'account', 'date', 'personal'] as const
export type PiiKind = (typeof PII_KINDS)[number]

/** What a contract says of a field. */
export interface FieldClass {
  readonly pii?: PiiKind
  /** It holds a reference to a secret, and never a secret. */
  readonly secret?: true
  /** It says whom the data is about. */
  readonly subject?: true
}

/** The key of a class in the definition of a schema, where zod takes it along: `pii(z.string()).min(1)` has it, too. */
const KEY = 'countersignClass'

const classOf = (schema: z.core.$ZodType): FieldClass | undefined =>
  (schema._zod.def as { readonly [KEY]?: FieldClass })[KEY]

function classified<S extends z.ZodType>(schema: S, more: FieldClass): S {
  const def = { ...schema.def, [KEY]: { ...classOf(schema), ...more } }
  return schema.clone(def, { parent: true })
}

/**
 * Says that a field is personal. Of an object or a list everything in it is. A model sees a token in its place, and people who are
 * notified, logs and exports see that something was there. Default kind: `personal`.
 */
export const pii = <S extends z.ZodType>(schema: S, kind: PiiKind = 'personal'): S => classified(schema, { pii: kind })

/**
 * Says that a field identifies the person whom the data is about, such as a customer id: what is erased is found by it. Text or a
 * number. Where the identifier is personal itself, say that, too: `pii(subject(z.email()), 'email')`.
 */
export const subject = <S extends z.ZodType>(schema: S): S => classified(schema, { subject: true })

/** A reference to a secret: `secret:CRM_TOKEN`. */
export const SECRET_REFERENCE = /^secret:[A-Z][A-Z0-9_]{0,99}$/

export const isSecretReference = (value: unknown): value is string =>
  typeof value === 'string' && SECRET_REFERENCE.test(value)

/**
 * Says that a field names a secret. It takes references alone, so that no secret comes into a history; the tool resolves it with
 * `call.secret`. The schema is that of the reference, not of the secret.
 */
export const secret = <S extends z.ZodType>(schema: S): S =>
  classified(
    schema.refine(
      (value) => value === undefined || value === null || isSecretReference(value),
      'must be a reference to a secret, such as `secret:CRM_TOKEN`, and not a secret itself',
    ),
    { secret: true },
  )

/** A class and where it stands: the names of fields, `*` for each entry of a list or a record. */
export interface ClassedPath extends FieldClass {
  readonly path: readonly string[]
}

/** Schemas that only hold another one: where it stands in their definition. */
const WITHIN = ['innerType', 'in', 'out', 'left', 'right'] as const

interface Definition {
  readonly type: string
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>
  readonly catchall?: z.core.$ZodType
  readonly element?: z.core.$ZodType
  readonly valueType?: z.core.$ZodType
  readonly items?: readonly z.core.$ZodType[]
  readonly rest?: z.core.$ZodType | null
  readonly options?: readonly z.core.$ZodType[]
  readonly getter?: () => z.core.$ZodType
}

/** How deep a schema that holds itself is followed. */
const MAX_DEPTH = 12

/** The classes of a schema, outermost first. Pure, and not cheap: ask once a schema. */
export function classesOf(schema: z.core.$ZodType): readonly ClassedPath[] {
  const found: ClassedPath[] = []
  const look = (each: z.core.$ZodType, path: readonly string[], depth: number): void => {
    if (depth > MAX_DEPTH) return
    const mine = classOf(each)
    if (mine !== undefined) found.push({ path, ...mine })
    const def = each._zod.def as unknown as Definition
    const below = (inner: z.core.$ZodType, name?: string): void =>
      look(inner, name === undefined ? path : [...path, name], depth + 1)
    for (const [name, inner] of Object.entries(def.shape ?? {})) below(inner, name)
    if (def.element !== undefined) below(def.element, '*')
    if (def.valueType !== undefined) below(def.valueType, '*')
    if (def.catchall !== undefined) below(def.catchall, '*')
    for (const inner of def.items ?? []) below(inner, '*')
    if (def.rest) below(def.rest, '*')
    for (const inner of def.options ?? []) below(inner)
    if (def.getter !== undefined) below(def.getter())
    for (const name of WITHIN) {
      const inner = (def as unknown as Readonly<Record<string, unknown>>)[name]
      if (inner instanceof z.ZodType) below(inner)
    }
  }
  look(schema, [], 0)
  return found
}
