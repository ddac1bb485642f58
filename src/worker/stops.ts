import type { RunKey } from '../contract/evidence.ts'
import { fail, failureOf } from '../contract/failures.ts'
import { STOP_SCOPES, type StopScope, type StopTarget, stopText } from '../contract/stop.ts'
import { textOf } from '../contract/text.ts'
import { databaseFailure, type LedgerDatabase } from '../ledger/database.ts'
import { isAnyInForce, stopsInForce } from '../ledger/stops.ts'
import type { WriteImplementation } from '../tools/implementation.ts'
import type { GuardedWrite } from './writes.ts'

/** What an activity is about: whatever of it is stopped, stops it. */
export interface Subject {
  readonly runKey: RunKey
  readonly workflowId: string
  readonly playbook: string
  /** A tool or a thought; `null`: the run is just being opened. */
  readonly tool: string | null
  /** Asked for only while some workspace is stopped. */
  readonly workspace: () => Promise<string>
}

/** What of it could be stopped. */
export async function targetsOf(
  { runKey, workflowId, playbook, tool, workspace }: Subject,
  scopes: readonly StopScope[] = STOP_SCOPES,
): Promise<readonly StopTarget[]> {
  const named: Readonly<Record<StopScope, readonly string[]>> = {
    run: [workflowId, runKey],
    tool: tool === null ? [] : [tool],
    playbook: [playbook],
    workspace: scopes.includes('workspace') ? [await workspace()] : [],
  }
  return scopes.flatMap((scope) => named[scope].map((name) => ({ scope, name })))
}

/**
 * Fails with `stopped` where one of these is stopped now, and with `database_unavailable` when nobody can tell. On a
 * transaction it is asked in it.
 */
async function refuseStopped(db: LedgerDatabase, targets: readonly StopTarget[]): Promise<void> {
  const [stop] = await told(isAnyInForce(db).then((any) => (any ? stopsInForce(db, targets) : [])))
  if (stop === undefined) return
  const { lifted: _, statement: _signed, ...mark } = stop
  throw fail('stopped', stopText(mark), { stop: mark })
}

/** Without an answer nothing may run, whatever the database said; it is asked again later. */
async function told<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    const known = databaseFailure(error)
    if (failureOf(known) !== undefined) throw known
    throw fail('database_unavailable', `the ledger did not tell what is stopped: ${textOf(error)}`)
  }
}

/**
 * The same tool, which acts only while none of `acts` is stopped, and undoes or is probed only while none of `undoes` is:
 * asked each time, in the transaction of the effect where there is one.
 */
export function unlessStopped(
  how: WriteImplementation,
  { acts, undoes }: { readonly acts: readonly StopTarget[]; readonly undoes: readonly StopTarget[] },
): GuardedWrite {
  return {
    ...how,
    admit: ({ db }) => refuseStopped(db, acts),
    ...(how.probe !== undefined && {
      probe: async (input, call) => {
        await refuseStopped(call.db, undoes)
        return (await how.probe?.(input, call)) ?? null
      },
    }),
    ...(how.undo !== undefined && {
      undo: async (input, output, call) => {
        await refuseStopped(call.db, undoes)
        call.signal.throwIfAborted()
        return (await how.undo?.(input, output, call)) ?? ''
      },
    }),
  }
}

/** How old what a host has seen of the stops may be. */
const MAX_AGE_MS = 500

/** After this long nobody joins a read that has not come back: its connection may be dead. */
const PATIENCE_MS = 2_000

/** What was stopped at a moment of this process's clock; read at that moment or after it. */
interface View {
  readonly at: number
  readonly scopes: ReadonlySet<StopScope>
  readonly keys: ReadonlySet<string>
}

const keyOf = ({ scope, name }: StopTarget): string => `${scope} ${name}`
const isOld = ({ at }: View): boolean => performance.now() - at > MAX_AGE_MS

/**
 * What is stopped, as this host sees it: a stop is in force after half a second, with one query in that time for all
 * activities. A lift is in force at once, since nothing is refused without asking again.
 */
export class StopGuard {
  readonly #db: LedgerDatabase
  #view: View | undefined
  #reading: { readonly since: number; readonly view: Promise<View> } | undefined

  constructor(db: LedgerDatabase) {
    this.#db = db
  }

  /**
   * Fails with `stopped` where a stop covers it, and with `database_unavailable` when nobody can tell. From the second
   * attempt on the ledger is asked: a step that was begun must not be taken over only to be refused.
   */
  async check(subject: Subject, attempt = 1): Promise<void> {
    if (attempt > 1) {
      await refuseStopped(this.#db, await targetsOf(subject))
      return
    }
    const view = this.#view === undefined || isOld(this.#view) ? await this.#read() : this.#view
    // A database that takes that long to answer is asked about this very subject.
    const late = isOld(view)
    const scopes = STOP_SCOPES.filter((scope) => late || view.scopes.has(scope))
    if (scopes.length === 0) return
    const targets = await targetsOf(subject, scopes)
    if (late || targets.some((target) => view.keys.has(keyOf(target)))) await refuseStopped(this.#db, targets)
  }

  async #read(): Promise<View> {
    const now = performance.now()
    if (this.#reading === undefined || now - this.#reading.since > PATIENCE_MS) {
      this.#reading = { since: now, view: told(this.#look()) }
      const mine = this.#reading
      const over = (): void => {
        if (this.#reading === mine) this.#reading = undefined
      }
      mine.view.then(over, over)
    }
    return await this.#reading.view
  }

  async #look(): Promise<View> {
    return await this.#db.connection().execute(async (db) => {
      // From here on, and not while it waited for a connection.
      const at = performance.now()
      const stops = await stopsInForce(db)
      this.#view = { at, scopes: new Set(stops.map(({ scope }) => scope)), keys: new Set(stops.map(keyOf)) }
      return this.#view
    })
  }
}
