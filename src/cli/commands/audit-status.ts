import type { Command } from 'commander'
import { EXIT } from '../exit.ts'
import {
  type CommonOptions,
  duration,
  type JsonOption,
  type QueueOption,
  withCommon,
  withJson,
  withQueue,
} from '../options.ts'
import { out, outJson, plain } from '../terminal.ts'

interface Options extends CommonOptions, JsonOption, QueueOption {
  readonly late: number
}

/** `countersign audit status`: exit code 3 where a run is missing for too long, or was altered. */
export function define(audit: Command): void {
  withQueue(
    withJson(
      withCommon(
        audit
          .command('status')
          .description(
            'which runs that are over are not in the log (exit code 3: one for too long, or one was altered)',
          ),
      ),
    ),
  )
    .option('--late <time>', 'how long after its end a run may be missing, such as `1h`', duration, 3_600_000)
    .action(run)
}

async function run({ late, ...options }: Options): Promise<void> {
  const [{ sealStatus }, { statusLines }, { withSession }, { withLedger }] = await Promise.all([
    import('../../audit/sealing/status.ts'),
    import('../seal-status-text.ts'),
    import('../session.ts'),
    import('../with-ledger.ts'),
  ])
  await withLedger(options, async (db) => {
    await withSession(options, async ({ temporal: client, place: { namespace }, taskQueue }) => {
      const status = await sealStatus({ client, db, namespace, taskQueue }, late)
      if (options.json) outJson(status)
      else for (const line of statusLines(status)) out(plain(line))
      if (!status.isGood) process.exitCode = EXIT.no
    })
  })
}
