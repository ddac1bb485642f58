import type { Command } from 'commander'
import type { ResumedRuns } from '../../client/stopped-runs.ts'
import { stopTargetText, type StopTarget } from '../../contract/stop.ts'
import type { Stop } from '../../ledger/stops.ts'
import { CliError, explain, printRefusal } from '../errors.ts'
import { EXIT } from '../exit.ts'
import { type JsonOption, withCommon, withJson } from '../options.ts'
import { withSession } from '../session.ts'
import { heeded, signedWord, type StopOptions, targetOf, withStopWords } from '../stop-words.ts'
import { out, outJson, plain, say } from '../terminal.ts'
import { moment } from '../../contract/moment.ts'
import { withLedger } from '../with-ledger.ts'

interface Options extends StopOptions, JsonOption {}

/** `countersign resume`: lifts a stop, then has the runs that wait at it go on. */
export function define(command: Command): void {
  withJson(withCommon(withStopWords(command))).action(resume)
}

async function resume(what: string, name: string, options: Options): Promise<void> {
  const { json } = options
  const target = targetOf(what, name)
  const came = await withLedger(options, async (db) => {
    const [{ stopHistory }, { liftNow }] = await Promise.all([
      import('../../ledger/stops.ts'),
      import('../../worker/stopping.ts'),
    ])
    const said = await signedWord('resume', target, options)
    const word = await heeded(liftNow(db, target, said), target, options)
    return word === undefined ? undefined : { lifted: word.done, stops: await stopHistory(db, target) }
  })
  if (came === undefined) return
  const { lifted, stops } = came
  const [newest] = stops
  if (newest === undefined) {
    if (json) outJson({ target, lifted: null, runs: null })
    printRefusal(
      `nobody ever stopped the ${stopTargetText(target)}`,
      'See what is stopped: countersign stops',
      'not_stopped',
    )
    process.exitCode = EXIT.no
    return
  }
  if (!json) out(plain(lifted === undefined ? earlier(target, newest) : `${stopTargetText(target)} may go on`))
  // Also when it was lifted before: some may have been out of reach then.
  const runs = await tellRuns(options, stops).catch((error: unknown) => {
    if (json) outJson({ target, lifted: lifted ?? null, runs: null })
    throw new CliError(
      'runs_not_told',
      `The stop is lifted, but the runs that wait at it do not know yet. ${explain(error).message}`,
      'They wait on. Run this again once Temporal answers, or `countersign resolve <id> <step> --as retry` for one of them.',
      { cause: error },
    )
  })
  if (json) outJson({ target, lifted: lifted ?? null, runs })
  else for (const line of runLines(runs)) say(line)
  const [first] = runs.refused
  if (first === undefined) return
  printRefusal(
    `the stop is lifted, and ${runs.refused.length === 1 ? 'a run that waits' : `${runs.refused.length} runs that wait`} at it refused your word`,
    `Whoever may settle incidents runs this again, or \`countersign resolve <id> <step> --as retry\`.`,
    first.code,
  )
  for (const { workflowId, message, code } of runs.refused) say(plain(`  ${workflowId}: ${message} (${code})`))
  process.exitCode = EXIT.no
}

const earlier = (target: StopTarget, { lifted }: Stop): string =>
  lifted === null
    ? `${stopTargetText(target)} was stopped again just now`
    : `${stopTargetText(target)} is not stopped: ${lifted.by} lifted it at ${moment(lifted.at)}`

async function tellRuns(options: Options, stops: readonly Stop[]): Promise<ResumedRuns> {
  let runs: ResumedRuns = { resumed: [], refused: [], unanswered: [] }
  await withSession(options, async ({ client }) => {
    const { by, reason } = options
    runs = await client.resumeStopped(stops, { ...(by !== undefined && { by }), reason })
  })
  return runs
}

function runLines({ resumed, unanswered }: ResumedRuns): readonly string[] {
  const lines = [resumed.length === 1 ? '1 run goes on.' : `${resumed.length} runs go on.`]
  if (unanswered.length > 0) {
    lines.push(
      'Nobody answered for these runs, which wait for a person; some may wait at the stop:',
      ...unanswered.map((id) => `  ${plain(id)}`),
      'Start workers of their versions (`countersign show <id>` names them), then run this again.',
    )
  }
  return lines
}
