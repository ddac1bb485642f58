import type { Command } from 'commander'
import { type RecordOptions, withRecord } from '../audit-options.ts'
import { EXIT } from '../exit.ts'
import { type JsonOption, withJson } from '../options.ts'
import { out, outJson, plain } from '../terminal.ts'

type Options = RecordOptions & JsonOption

/** `countersign audit explain`: exit code 3 where the record tells of no such step. */
export function define(audit: Command): void {
  const command = audit
    .command('explain')
    .description('answer of a step: which evidence, which rule, which undo; with the events that say so')
  withJson(withRecord(command)).argument('<step>', 'such as `billing.refund-1`').action(run)
}

async function run(runName: string, step: string, { json, ...options }: Options): Promise<void> {
  const [{ recordFor }, { explain }, { decidedSteps }] = await Promise.all([
    import('../record-for.ts'),
    import('../../audit/render/explain.ts'),
    import('../../audit/render/cite.ts'),
  ])
  const record = await recordFor(runName, options)
  const explained = explain(record, step)
  if (json) outJson({ runKey: record.runKey, explained: explained ?? null })
  if (explained === undefined) {
    const { printRefusal } = await import('../errors.ts')
    const known = decidedSteps(record)
    const help =
      known.length === 0 ? 'Nothing was decided in this run.' : `It decided on ${known.map(plain).join(', ')}.`
    printRefusal(`the record of ${plain(record.workflowId)} tells of no step \`${plain(step)}\``, help, 'step_unknown')
    process.exitCode = EXIT.no
    return
  }
  if (json) return
  for (const sentence of [explained.evidence, explained.rule, explained.undo]) out(plain(sentence))
}
