import type { Command } from 'commander'
import { type CommonOptions, type JsonOption, type QueueOption, withCommon, withJson, withQueue } from '../options.ts'
import { shownTo } from '../../privacy/reader.ts'
import { askRun } from '../patience.ts'
import { codeOf } from '../../contract/failures.ts'
import { showArchived } from '../archived-run.ts'
import { runPage, summaryPage } from '../run-text.ts'
import { linkOf, type Session, withSession } from '../session.ts'
import { out, outJson, plain, say } from '../terminal.ts'
import { moment } from '../../contract/moment.ts'
import { erasedLines, type ErasedRunFacts, ledgerFactsOf, stepsIn } from '../erased-run.ts'
import { erasureIn } from '../erasure.ts'
import { withLedger } from '../with-ledger.ts'
import { stopsOver } from '../stops-over.ts'
import { databaseUrlFrom, refusesElsewhere, residencyAt } from '../workspaces.ts'
import { whoAnswers } from '../who-answers.ts'

type Options = CommonOptions & JsonOption & QueueOption

/** `countersign show`: the run itself answers, open or closed; without a worker, what Temporal knows; of one that Temporal has not any more, what was archived. */
export function define(command: Command): void {
  withQueue(withJson(withCommon(command.argument('<id>', 'the workflow id')))).action(show)
}

async function show(workflowId: string, options: Options): Promise<void> {
  await withSession(options, async (session) => {
    const run = session.client.run(workflowId)
    const summary = await run.summary().catch(async (error: unknown) => {
      if (codeOf(error) !== 'run_not_found' || !(await showArchived(session, workflowId, options))) throw error
      return undefined
    })
    if (summary === undefined) return
    const { namespace } = session.place
    const databaseUrl = await databaseUrlFrom(options.stateDir)
    const residency = residencyAt({ namespace, taskQueue: summary.taskQueue, databaseUrl })
    if (refusesElsewhere(residency, summary.workspace, options)) return
    const erasure = await erasureIn(session.place.namespace, summary, options)
    // A run whose history cannot be read any more cannot answer.
    const answer = erasure === null ? await askRun(session, () => run.status()) : undefined
    const status = answer === undefined ? undefined : shownTo('operator', answer)
    const stops = await stopsOver(summary, status, options)
    const facts = erasure === null ? null : await erasedFacts(session, workflowId, options)
    const link = linkOf(session, workflowId, summary.runId)
    if (erasure !== null) {
      say(`ERASED ${moment(erasure.at)}: ${plain(erasure.why)}. What was said and done in it cannot be read any more.`)
    } else if (status === undefined) {
      say('No worker answered within 5 seconds, so this is only what Temporal itself knows of the run.')
      say(`${await whoAnswers(session, workflowId)} Then ask again for the rest.`)
    }
    if (options.json) {
      outJson({
        workflowId,
        answeredBy: status === undefined ? 'visibility' : 'run',
        link,
        summary,
        erased: erasure === null ? null : { ...erasure, ...facts },
        status: status ?? null,
        stops,
      })
      return
    }
    const more = { link, stops: stops ?? [] }
    const page = status === undefined ? summaryPage(summary, more) : runPage(summary, status, { ...more, ...session })
    for (const line of page) out(line)
    if (facts !== null) for (const line of erasedLines(facts)) out(line)
  })
}

/** What of an erased run was never personal: from its history and from the ledger. */
async function erasedFacts(
  { temporal }: Session,
  workflowId: string,
  options: Options,
): Promise<ErasedRunFacts | null> {
  const history = await temporal.workflow.getHandle(workflowId).fetchHistory()
  return await withLedger(options, async (db) => ({
    steps: stepsIn(history),
    ...(await ledgerFactsOf(db, workflowId)),
  }))
}
