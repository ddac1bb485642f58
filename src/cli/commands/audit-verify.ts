import type { Command } from 'commander'
import type { Verified } from '../../audit/verify/verify.ts'
import { EXIT } from '../exit.ts'
import { collected, filled, type JsonOption, type ProjectOption, withJson } from '../options.ts'
import { DATA_KEYS, READ_WITH, type ReadingOptions } from '../reader-keys.ts'
import { tableOf } from '../table.ts'
import { out, outJson, plain } from '../terminal.ts'

export interface VerifyOptions extends JsonOption, ProjectOption, ReadingOptions {
  readonly key: readonly string[]
  readonly checkpoint: string
  readonly witnessKey?: readonly string[]
  readonly bundle?: string
  readonly log?: string
}

/** `countersign audit verify`: offline; exit code 3 where anything disagrees. */
export function define(audit: Command): void {
  withJson(audit.command('verify').description('verify the sealed file of a run, without any server'))
    .argument(
      '<file>',
      'as `countersign audit bundle` writes it; or the folder of a log, as `countersign audit log` does',
    )
    .requiredOption('--key <file>', 'the public key of the signer; may be repeated, where it was rotated', collected)
    .requiredOption('--checkpoint <file>', 'the checkpoint that you hold', filled)
    .option('--witness-key <file>', 'the public key of a witness; may be repeated', collected)
    .option(
      '--bundle <folder>',
      'the playbooks as they were, of `countersign build`: runs the code again. It must be trusted',
    )
    .option(
      '--log <folder>',
      'the log, of `countersign audit log`, where the file does not show that it is of that checkpoint',
    )
    .option(
      '--config <file>',
      'a project whose playbooks are as they were then, in place of --bundle, for the policy alone',
    )
    .option('--read-with <file>', READ_WITH, filled)
    .option('--data-keys <file>', DATA_KEYS, filled)
    .option('--verbose', 'show where an error comes from')
    .action(run)
}

async function run(file: string, options: VerifyOptions): Promise<void> {
  const { verifyFile } = await import('../verifying.ts')
  const verified = await verifyFile(file, options)
  if (options.json) outJson(verified)
  else for (const line of linesOf(verified)) out(line)
  if (!verified.isGood) process.exitCode = EXIT.no
}

const SHOWN = { ok: 'ok', failed: 'FAILED', skipped: 'skipped', sealed: 'SEALED', erased: 'ERASED' } as const

function* linesOf({ verdicts, ignored, runKey, isGood }: Verified): Generator<string> {
  if (runKey !== null) yield `run  ${plain(runKey)}`
  const rows = verdicts.map(({ check, verdict, message }) => [check, SHOWN[verdict], plain(message)])
  for (const [at, line] of tableOf(rows).entries()) {
    yield line
    for (const place of verdicts[at]?.where ?? []) yield `    ${plain(place)}`
  }
  for (const one of ignored) yield `ignored  ${plain(one)}`
  yield isGood ? 'nothing disagrees' : 'it does not hold'
}
