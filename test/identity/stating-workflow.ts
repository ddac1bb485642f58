import { misuseOf, type Statement, statementDigestOf, statementSchema, type Use } from '../../src/contract/statement.ts'

/** What the sandbox of workflows makes of what may be a statement, and of a use of it. */
export async function readAll(asked: readonly { readonly given: unknown; readonly use: Use }[]) {
  return asked.map(({ given, use }) => readOne(given, use))
}

/** Its digest and why it is worth nothing for the use, where it is a statement; else what is wrong with it. */
export function readOne(given: unknown, use: Use): readonly unknown[] {
  const parsed = statementSchema().safeParse(given)
  if (!parsed.success) return parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`)
  const statement = parsed.data as Statement
  return [statementDigestOf(statement), misuseOf(statement, use) ?? null]
}
