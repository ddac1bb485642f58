import { type Backtest, backtest, type DecidedRun, decidedRun, decidedRuns } from '../audit/backtest.ts'
import { historyCodec, inFull, isInFull } from '../audit/in-full.ts'
import { type Told, toldBy } from '../audit/told.ts'
import type { PlaybookContract } from '../contract/playbook.ts'
import type { WhichRuns } from '../ledger/audited.ts'
import { loadPolicy, type PolicyProblem } from '../policy/load/index.ts'
import { suggestion } from '../policy/load/nearest.ts'
import type { Policy } from '../policy/types.ts'
import { readPlaybooks } from '../worker/registry.ts'
import type { BacktestOptions } from './commands/policy-backtest.ts'
import { UsageError } from './errors.ts'
import { historyIn } from './history-file.ts'
import { findDataKeys } from './master-keys.ts'
import { loadProject } from './project.ts'
import { fieldsOf, textIn } from '../audit/fields.ts'
import { soundLog } from './sound-log.ts'
import { databaseUrlFrom, residencyAt, sayLeftOut } from './workspaces.ts'
import { withLedger } from './with-ledger.ts'
import { withSession } from './session.ts'

/** A policy that is to be tried. */
export interface Candidate {
  readonly file: string
  readonly digest: string
  readonly policy: Policy
  readonly contract: PlaybookContract
  /** The playbook whose runs it is tried on. */
  readonly playbook: string
}

/** What was tried, on which runs. */
export interface Tried extends Backtest {
  readonly since: Date | null
  readonly until: Date | null
}

/** Loads the policy, or tells every problem of it. */
export async function loadCandidate(
  file: string,
  options: BacktestOptions,
): Promise<({ readonly ok: true } & Candidate) | { readonly ok: false; readonly problems: readonly PolicyProblem[] }> {
  const { project } = await loadProject(options.config)
  const playbooks = await readPlaybooks(project.workflows)
  const loaded = await loadPolicy(file, [...playbooks.values()])
  if (!loaded.ok) return loaded
  const { policy, digest, workflow } = loaded
  const { playbook = workflow } = options
  const contract = playbooks.get(workflow)
  if (contract === undefined || !playbooks.has(playbook)) {
    const help = suggestion(playbook, [...playbooks.keys()], 'the playbooks are')
    throw new UsageError(`there is no playbook \`${playbook}\``, help)
  }
  return { ok: true, file, digest, policy, contract, playbook }
}

const ago = (ms: number | undefined): Date | null => (ms === undefined ? null : new Date(Date.now() - ms))

/** Tries a policy on the runs that the options name. */
export async function backtestOf(candidate: Candidate, options: BacktestOptions): Promise<Tried> {
  const { history: files = [], since, until } = options
  const isPeriod = since !== undefined || until !== undefined
  if (files.length > 0 && isPeriod) {
    throw new UsageError('`--since` and `--until` are for the runs of Temporal', 'Leave them out, or the histories.')
  }
  if (since !== undefined && until !== undefined && until >= since) {
    throw new UsageError('`--until` is not after `--since`', 'Name a shorter time than that of `--since`.')
  }
  const which: WhichRuns = { since: ago(since), until: ago(until), playbook: candidate.playbook }
  const runs = files.length > 0 ? await runsOfFiles(files, candidate, options) : await runsOfTemporal(which, options)
  return { ...backtest(candidate.policy, candidate.contract, runs), since: which.since, until: which.until }
}

async function runsOfTemporal(which: WhichRuns, options: BacktestOptions): Promise<readonly DecidedRun[]> {
  return await withLedger(options, async (db) => {
    let runs: readonly DecidedRun[] = []
    const keys = await findDataKeys(db)
    await withSession(options, async ({ temporal: client, taskQueue, place: { namespace } }) => {
      const databaseUrl = await databaseUrlFrom(options.stateDir)
      const residency = residencyAt({ namespace, taskQueue, databaseUrl })
      const sides = { client, db, keys, residency, leftOut: sayLeftOut }
      runs = await soundLog(() => decidedRuns(sides, taskQueue, which))
    })
    return runs
  })
}

/** The runs of exported histories. The database is only needed where something is kept beside them, or encrypted. */
async function runsOfFiles(
  files: readonly string[],
  { playbook }: Candidate,
  options: BacktestOptions,
): Promise<readonly DecidedRun[]> {
  const histories = await Promise.all(files.map(historyIn))
  const full = histories.every(isInFull)
    ? histories
    : await withLedger(options, async (db) => {
        const codec = historyCodec(db, await findDataKeys(db))
        return await Promise.all(histories.map((history) => inFull(history, codec)))
      })
  const told = full.map(toldBy)
  const residency = residencyAt({})
  for (const { opened } of told) residency?.check(textIn(fieldsOf(opened['principal'])['workspace']))
  for (const [at, { workflowType }] of told.entries()) {
    if (workflowType === playbook) continue
    const help = 'Leave it out, or name its playbook with `--playbook`.'
    throw new UsageError(`\`${files[at] ?? ''}\` is of a run of \`${workflowType}\`, not of \`${playbook}\``, help)
  }
  const byRun = Map.groupBy(told, ({ runKey }: Told) => runKey)
  return [...byRun].map(([runKey, ofRun]) => decidedRun(runKey, ofRun))
}
