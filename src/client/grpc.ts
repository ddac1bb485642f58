/** gRPC's status codes that tell a person something. */
export const GRPC = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  unavailable: 14,
} as const

/** What a server said in an error or one of its causes, by shape; `undefined` when none is gRPC's. */
export function grpcOf(error: unknown): { readonly code: number; readonly details: string } | undefined {
  const seen = new Set<unknown>()
  for (let next = error; typeof next === 'object' && next !== null && !seen.has(next);) {
    seen.add(next)
    const { code, details, cause } = next as { code?: unknown; details?: unknown; cause?: unknown }
    if (typeof code === 'number' && typeof details === 'string') return { code, details }
    next = cause
  }
  return undefined
}
