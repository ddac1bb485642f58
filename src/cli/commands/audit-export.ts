import { type Command, Option } from 'commander'
import { type RecordOptions, withRecord } from '../audit-options.ts'
import { jsonOf } from '../terminal.ts'

const FORMATS = ['json', 'text', 'markdown', 'html'] as const

interface Options extends RecordOptions {
  readonly format: (typeof FORMATS)[number]
}

/** `countersign audit export`: to stdout. */
export function define(audit: Command): void {
  const command = audit.command('export').description('print the record of a run: all that its history says, in order')
  withRecord(command)
    .addOption(new Option('--format <format>', 'how it is written').choices(FORMATS).default('json'))
    .action(run)
}

async function run(runName: string, { format, ...options }: Options): Promise<void> {
  // Here and not above: the help has no need of them.
  const [{ recordFor }, { recordHtml }, { recordMarkdown }, { recordText }] = await Promise.all([
    import('../record-for.ts'),
    import('../../audit/render/html.ts'),
    import('../../audit/render/markdown.ts'),
    import('../../audit/render/text.ts'),
  ])
  const record = await recordFor(runName, options)
  const written = {
    json: () => `${jsonOf(record)}\n`,
    text: () => recordText(record),
    markdown: () => recordMarkdown(record),
    html: () => recordHtml(record),
  }
  process.stdout.write(written[format]())
}
