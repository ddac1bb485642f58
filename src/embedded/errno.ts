/** The code of a system or library error (`ENOENT`, `ELOCKED`); undefined when what was thrown has none. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
