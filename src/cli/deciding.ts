import { type Command, InvalidArgumentError } from 'commander'
import { type Digest, isDigest } from '../contract/digest.ts'
import { refusesClosed } from './closed-run.ts'
import { decide, printAnswer, type Wish } from './decision.ts'
import { EXIT } from './exit.ts'
import { type CommonOptions, type JsonOption, withCommon, withJson } from './options.ts'
import { withSession } from './session.ts'
import { type SpeakerOptions, spokenBy, withSpeaker } from './speaking.ts'
import { readJson } from './read-json.ts'
import { say } from './terminal.ts'

interface Options extends CommonOptions, JsonOption, SpeakerOptions {
  readonly digest?: Digest
  readonly comment?: string
  readonly yes?: true
  readonly input?: string
  readonly inputFile?: string
}

/** Gives `approve`, `reject` and `change` what they share: all but the word, and what is to be done instead. */
export function defineDecision(command: Command, decision: Wish['decision']): void {
  const defined = withSpeaker(withJson(withCommon(command)), 'who decides')
    .argument('<id>', 'the workflow id')
    .argument('[step]', 'the step, when several questions wait')
    .option('--digest <digest>', 'the action that you saw: nothing else is decided', digest)
    .option('--comment <text>', 'what stands beside the decision on the record')
    .option('--yes', 'decide on what waits right now; it is shown, but you are not asked')
    .action(async (workflowId: string, step: string | undefined, options: Options) => {
      const { comment, json, yes = false } = options
      await withSession(options, async (session) => {
        const input = decision === 'change' ? await readJson('input', options) : undefined
        const summary = await session.client.run(workflowId).summary()
        if (refusesClosed(summary, 'There is nothing left to decide.', options)) return
        const wish = { workflowId, step, decision, ...spokenBy(options), comment, digest: options.digest, yes, input }
        const decided = await decide(session, wish)
        if (decided === undefined) {
          say('Nothing was decided.')
          process.exitCode = EXIT.no
          return
        }
        const { step: named, ...answer } = decided
        printAnswer(answer, { workflowId, step: named, decision }, { json })
      })
    })
  if (decision !== 'change') return
  defined
    .option('--input <json>', 'what is to be done instead: the whole input, or - to read it from stdin')
    .option('--input-file <file>', 'a file with it')
}

function digest(text: string): Digest {
  if (isDigest(text)) return text
  throw new InvalidArgumentError('It must be `sha256:` and 64 hex digits.')
}
