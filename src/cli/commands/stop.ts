import type { Command } from 'commander'
import { stopTargetText, stopText } from '../../contract/stop.ts'
import { type JsonOption, type ProjectOption, withCommon, withJson, withProject } from '../options.ts'
import { signedWord, type StopOptions, targetOf, withStopWords } from '../stop-words.ts'
import { out, outJson, plain, say } from '../terminal.ts'
import { withLedger } from '../with-ledger.ts'

interface Options extends StopOptions, JsonOption, ProjectOption {
  readonly force?: true
}

/** `countersign stop`: in force on every host within a second, whether Temporal answers or not. */
export function define(command: Command): void {
  withProject(withJson(withCommon(withStopWords(command))))
    .option('--force', 'stop a tool or playbook of which nobody knows the name')
    .action(stop)
}

async function stop(what: string, name: string, { json, force, ...options }: Options): Promise<void> {
  const target = targetOf(what, name)
  await withLedger(options, async (db) => {
    const [{ isKnown }, { stopNow }, { checkName }] = await Promise.all([
      import('../../ledger/stops.ts'),
      import('../../worker/stopping.ts'),
      import('../known-names.ts'),
    ])
    const known = await (force === true ? isKnown(db, target) : checkName(db, target, options.config))
    const signed = await signedWord('stop', target, options)
    const { stop: placed, isNew } = await stopNow(db, target, signed)
    if (json) {
      outJson({ stop: placed, isNew, known })
      return
    }
    const { lifted: _, statement: _signed, ...mark } = placed
    out(plain(`${isNew ? '' : 'already: '}${stopText(mark)}`))
    if (!known) say(plain(`Nobody has heard of the ${stopTargetText(target)} yet: check the name.`))
    say('It is in force on every host within a second. What is being done at this moment is let finish.')
  })
}
