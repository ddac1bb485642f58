/** The name of an error, its code, and that of its cause: `TypeError ECONNREFUSED`. Its message may quote secrets, and is left out. */
export function errorCodes(error: unknown): string {
  const { name, code, cause } = (error ?? {}) as { name?: unknown; code?: unknown; cause?: { code?: unknown } }
  return [name, code, cause?.code].filter((each) => typeof each === 'string').join(' ') || 'it did not answer'
}
