import type { Command } from 'commander'
import { DATA_KEYS, READ_WITH, type ReadingOptions } from './reader-keys.ts'
import { collected, type CommonOptions, filled, withCommon } from './options.ts'

/** What commands take that derive the record of a run. */
export interface RecordOptions extends CommonOptions, ReadingOptions {
  readonly bundle?: string
  readonly history?: readonly string[]
  readonly keys?: string
  readonly namespace?: string
}

/** Adds where the histories and the keys come from. */
export const withRecord = (command: Command): Command =>
  withCommon(command)
    .argument('<run>', 'the workflow id, of its newest run; or a run key, `<workflow id>/<first run id>`')
    .option(
      '--history <file>',
      'an exported history instead of Temporal; once for each execution of the run. No server is asked',
      collected,
    )
    .option('--keys <file>', 'public keys, as `countersign audit keys` prints them (default: those of the ledger)')
    .option(
      '--bundle <file>',
      'a sealed file of `countersign audit bundle` in place of Temporal. No server is asked',
      filled,
    )
    .option('--read-with <file>', `of a sealed file, ${READ_WITH}`, filled)
    .option('--data-keys <file>', `of a sealed file, ${DATA_KEYS}`, filled)
    .option('--namespace <name>', 'of exported histories, which do not say it (default: default)', filled)
