import type { Command } from 'commander'
import { type CommonOptions, type JsonOption, withCommon, withJson } from '../options.ts'
import { type SigningOptions, withSigning } from '../seal-options.ts'
import { out, outJson, plain, say } from '../terminal.ts'
import { EXIT } from '../exit.ts'

type Options = CommonOptions & JsonOption & SigningOptions

/** `countersign audit seal`: exit code 3 where there is nothing to seal, or what was sealed was altered since. */
export function define(audit: Command): void {
  withSigning(
    withJson(withCommon(audit.command('seal').description('seal a run as it is now, and put it into the log'))),
  )
    .argument('<run>', 'the workflow id, of its newest run; or a run key, `<workflow id>/<first run id>`')
    .action(run)
}

async function run(runName: string, options: Options): Promise<void> {
  const [{ sealNow }, { withSigner }] = await Promise.all([import('../sealing.ts'), import('../seal-options.ts')])
  await withSigner(options, async (signing) => {
    const { sealed, published } = await sealNow(runName, options, signing)
    const { checkpoint, refused } = published
    for (const { url, why } of refused) say(plain(`the witness ${url} did not sign: ${why}`))
    if (options.json)
      outJson({ sealed, size: checkpoint?.size ?? 0, witnesses: checkpoint?.cosignatures.length ?? 0, refused })
    if (sealed.came === 'gone' || sealed.came === 'altered') {
      process.exitCode = EXIT.no
      const what =
        sealed.came === 'gone'
          ? 'Temporal has no history of the run, and it was never sealed.'
          : `Temporal now tells otherwise of what was sealed, in ${sealed.runIds.join(', ')}: see who can write to its database.`
      say(plain(what))
      return
    }
    if (options.json) return
    out(`${sealed.came === 'sealed' ? 'sealed' : 'sealed before'}  leaf ${sealed.index}, ${plain(sealed.state)}`)
    out(`log  ${checkpoint?.size ?? 0} leaves, ${checkpoint?.cosignatures.length ?? 0} signatures of witnesses`)
  })
}
