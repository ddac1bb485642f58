/** A text as Temporal's visibility queries have it; `undefined`: stores differ in what a backslash means, so none is let through. */
export const visibilityText = (value: string): string | undefined =>
  /[\\\p{Cc}]/u.test(value) ? undefined : `'${value.replaceAll("'", "''")}'`
