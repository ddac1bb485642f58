/** What a check found. `what` is for a person and holds no secret; `todo` says what to do where it is not `ok`, or a warning. */
export interface Checked {
  readonly ok: boolean
  /** It is `ok`, and somebody should look at it. */
  readonly warning?: true
  readonly what: string
  readonly todo?: string
}

/** Looks at one thing that a worker needs. What it throws counts as not ok. */
export interface Check {
  readonly name: string
  readonly look: () => Promise<Checked>
}

/** How ready a worker is. */
export interface Readiness {
  readonly ready: boolean
  readonly checks: readonly (Checked & { readonly name: string })[]
  /** When the checks ran; ISO 8601, UTC. */
  readonly at: string
}

const KEPT_MS = 5_000
const PATIENCE_MS = 3_000

/**
 * Runs checks side by side, at most once in `keptMs` however often it is asked: probes cannot load what they probe. A
 * check that does not answer within three seconds is not ok.
 */
export function readinessOf(checks: readonly Check[], keptMs = KEPT_MS): () => Promise<Readiness> {
  let last: { readonly answer: Promise<Readiness>; readonly until: number } | undefined
  return async () => {
    if (last === undefined || performance.now() > last.until) {
      const answer = runAll(checks)
      last = { answer, until: performance.now() + keptMs }
    }
    return await last.answer
  }
}

async function runAll(checks: readonly Check[]): Promise<Readiness> {
  const found = await Promise.all(checks.map(async ({ name, look }) => ({ name, ...(await answerOf(look)) })))
  return { ready: found.every(({ ok }) => ok), checks: found, at: new Date().toISOString() }
}

async function answerOf(look: Check['look']): Promise<Checked> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<Checked>((resolve) => {
    const what = `no answer within ${PATIENCE_MS / 1000} seconds`
    timer = setTimeout(
      () => resolve({ ok: false, what, todo: 'See whether it is up and can be reached.' }),
      PATIENCE_MS,
    )
  })
  try {
    return await Promise.race([look(), patience])
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error)
    return { ok: false, what, todo: 'See whether it is up and can be reached.' }
  } finally {
    clearTimeout(timer)
  }
}
