import type { Command } from 'commander'
import { firstIssue } from '../../contract/issue.ts'
import { type About, aboutSchema } from '../../contract/statement.ts'
import { UsageError } from '../errors.ts'
import { jsonObject } from '../json-object.ts'
import { type CommonOptions, withCommon } from '../options.ts'
import { OWN_WORKSPACE, type SpeakerOptions, statementsOf, withSpeaker } from '../speaking.ts'
import { outJson } from '../terminal.ts'

type Options = CommonOptions & SpeakerOptions

/** `countersign statement`: for Temporal's own command, and for clients in other languages. */
export function define(command: Command): void {
  withSpeaker(withCommon(command), 'who says it', OWN_WORKSPACE)
    .argument('<about>', 'what is said, as JSON: see docs/identity.md')
    .action(statement)
}

async function statement(text: string, options: Options): Promise<void> {
  const help = { json: 'Quote it for your shell.', object: 'See docs/identity.md for its fields.' }
  const about = aboutSchema().safeParse(jsonObject(text, '<about>', help))
  if (!about.success) throw new UsageError(`this cannot be said: ${firstIssue(about.error)}`, help.object)
  const said = about.data as About
  const { by: subject } = options
  const workspace = options.workspace ?? (said.kind === 'start' ? said.workspace : undefined)
  outJson(await statementsOf(options)(said, { subject, workspace }))
}
