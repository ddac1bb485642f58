/** The largest result of a local read; past it, an ordinary activity takes over. Bytes of canonical JSON. */
export const MAX_LOCAL_RESULT_BYTES = 64_000

/** From here on an argument or a result is kept beside the history, by its digest. Characters, or bytes, of JSON. */
export const BULK_CHARACTERS = 128_000

/**
 * The largest result of any step. Temporal refuses an oversized one after the effect, and retries it, so it is
 * refused before anything is sent. Bytes of canonical JSON; three cited ones fit into a warrant.
 */
export const MAX_RESULT_BYTES = 2_000_000

/** The most that a tool may hand to its host, before its contract's schema leaves anything out. Characters, and one a value. */
export const MAX_RAW_RESULT = 8_000_000

/** The largest input of a step: people must be able to look at it. Characters of JSON. */
export const MAX_INPUT_CHARACTERS = 1_000_000

/** The largest argument of a step: input, evidence and warrant. Characters of JSON. */
export const MAX_ARGUMENT_CHARACTERS = 8_000_000

/**
 * What one workflow task may ask for and record in all: Temporal terminates a run whose task is larger than 4 MB.
 * Characters of JSON.
 */
export const MAX_TASK_CHARACTERS = 1_000_000

/**
 * The largest start message: principal and request. It comes back in the result of `openRun` beside the policy, and
 * Temporal carries 2 MB. Characters of canonical JSON.
 */
export const MAX_START_CHARACTERS = 500_000

/** The longest message of a failure or of a case. UTF-16 units. */
export const MAX_MESSAGE_CHARACTERS = 4_000

/** The largest outcome of a playbook. Characters of JSON. */
export const MAX_OUTCOME_CHARACTERS = 200_000

/** What a run that only suggests keeps of its drafts, beyond the first. Characters of JSON. */
export const MAX_DRAFTS_CHARACTERS = 1_000_000

/** The longest input that a model may propose for one call, as JSON text. UTF-16 units. */
export const MAX_PROPOSAL_CHARACTERS = 20_000

/** What a playbook may show a model that it delegates to. Characters of JSON. */
export const MAX_SEEN_CHARACTERS = 200_000

/** What is told of one earlier call to a model that goes on, and of all of them together. Characters of JSON. */
export const MAX_TOLD_CHARACTERS = 4_000
export const MAX_ALL_TOLD_CHARACTERS = 40_000
