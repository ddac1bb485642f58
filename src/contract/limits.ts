/** The largest result of a local read; past it, an ordinary activity takes over. Bytes of canonical JSON. */
export const MAX_LOCAL_RESULT_BYTES = 64_000

/**
 * The largest result of any step. Temporal refuses an oversized one after the effect, and retries it, so it is
 * refused before anything is sent. Bytes of canonical JSON.
 */
export const MAX_RESULT_BYTES = 1_000_000
