import { type Command, InvalidArgumentError } from 'commander'
import { type Digest, isDigest } from '../contract/digest.ts'
import { decide, printAnswer, type Wish } from './decision.ts'
import { EXIT } from './exit.ts'
import { type CommonOptions, filled, type JsonOption, withCommon, withJson } from './options.ts'
import { withSession } from './session.ts'
import { say } from './terminal.ts'

interface Options extends CommonOptions, JsonOption {
  readonly by: string
  readonly digest?: Digest
  readonly comment?: string
  readonly yes?: true
}

/** Gives `approve` and `reject` what they share: all but the word. */
export function defineDecision(command: Command, decision: Wish['decision']): void {
  withJson(withCommon(command))
    .argument('<id>', 'the workflow id')
    .argument('[step]', 'the step, when several questions wait')
    .requiredOption('--by <subject>', 'who decides', filled)
    .option('--digest <digest>', 'the action that you saw: nothing else is decided', digest)
    .option('--comment <text>', 'what stands beside the decision on the record')
    .option('--yes', 'decide on what waits right now; it is shown, but you are not asked')
    .action(async (workflowId: string, step: string | undefined, options: Options) => {
      const { by, comment, json, yes = false } = options
      await withSession(options, async (session) => {
        const wish = { workflowId, step, decision, by, comment, digest: options.digest, yes }
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
}

function digest(text: string): Digest {
  if (isDigest(text)) return text
  throw new InvalidArgumentError('It must be `sha256:` and 64 hex digits.')
}
