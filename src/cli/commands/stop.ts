import type { Command } from 'commander'
import { stopTargetText, stopText } from '../../contract/stop.ts'
import { UsageError } from '../errors.ts'
import { type JsonOption, type ProjectOption, withCommon, withJson, withProject } from '../options.ts'
import { heeded, signedWord, type StopOptions, targetOf, withStopWords } from '../stop-words.ts'
import { out, outJson, plain, say } from '../terminal.ts'
import { withLedger } from '../with-ledger.ts'

interface Options extends StopOptions, JsonOption, ProjectOption {
  readonly breakGlass?: true
  readonly force?: true
}

/** `countersign stop`: in force on every host within a second, whether Temporal answers or not. */
export function define(command: Command): void {
  withProject(withJson(withCommon(withStopWords(command))))
    .option(
      '--break-glass',
      'when nobody can log in, or no gateway answers: without a proof of who says so; needs --by, and the record says that',
    )
    .option('--force', 'stop a tool or playbook of which nobody knows the name')
    .action(stop)
}

async function stop(what: string, name: string, options: Options): Promise<void> {
  const target = targetOf(what, name)
  const { by, reason, json, force, breakGlass } = options
  if (breakGlass === true && by === undefined) {
    throw new UsageError('say who you are', 'Add `--by <you>`: nobody proves it, and the record says that.')
  }
  await withLedger(options, async (db) => {
    const [{ isKnown }, stopping, { checkName }] = await Promise.all([
      import('../../ledger/stops.ts'),
      import('../../worker/stopping.ts'),
      import('../known-names.ts'),
    ])
    const known = await (force === true ? isKnown(db, target) : checkName(db, target, options.config))
    if (!known && !json) say(plain(`Nobody has heard of the ${stopTargetText(target)} yet: check the name.`))
    const word =
      breakGlass === true && by !== undefined
        ? stopping.breakGlass(db, target, { by, reason })
        : stopping.stopNow(db, target, await signedWord('stop', target, options).catch(orBreakGlass))
    const came = await heeded(word, target, options)
    if (came === undefined) return
    const { stop: placed, isNew } = came.done
    if (json) {
      outJson({ stop: placed, isNew, known })
      return
    }
    const { lifted: _, statement: _signed, ...mark } = placed
    out(plain(`${isNew ? '' : 'already: '}${stopText(mark)}`))
    say('It is in force on every host within a second. What is being done at this moment is let finish.')
  })
}

/** Where nobody could sign it: an emergency need not wait for that. */
function orBreakGlass(error: unknown): never {
  if (error instanceof UsageError) throw error
  say(
    'Where nobody can log in, or no gateway answers, add `--break-glass --by <you>`: the record says that it is not proved.',
  )
  throw error
}
