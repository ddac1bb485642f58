import type { ReplayWorkerOptions } from '@temporalio/worker'
import { differenceText } from '../differences.ts'
import { isInFull, replayableBy } from '../in-full.ts'
import { replayHistory } from '../replay.ts'
import type { SealedBundle } from '../seal/bundle.ts'
import type { DataKeys } from '../../privacy/data-keys.ts'
import { openingCodec, readingOf } from '../seal/opened.ts'
import type { Derived } from './check-record.ts'
import { failed, ok, readable, skipped, type Verdict } from './verdict.ts'

/** The code of a playbook, by which a run is replayed. */
export interface PlaybookCode {
  readonly buildId: string
  /** Tells what it sends. */
  readonly workflowBundle: NonNullable<ReplayWorkerOptions['workflowBundle']>
}

/** Whether the code says what the histories say: it is run again on them, and each of its commands is compared with what was written down. */
export async function checkCode(
  bundle: SealedBundle,
  read: readonly Derived[] | string,
  code: PlaybookCode | undefined,
  dataKeys?: DataKeys,
): Promise<Verdict> {
  if (code === undefined) return skipped('code', 'the bundle of the playbook was not given')
  if (typeof read === 'string') return skipped('code', 'a history cannot be read')
  const { build, erased } = bundle
  if (build === null) return skipped('code', 'no history tells which build it was')
  if (build.id !== code.buildId) {
    return failed('code', `the run is of the build ${build.id}, and the bundle of ${code.buildId}`, ['member build'])
  }
  const codec = openingCodec({ ...readingOf(bundle), dataKeys })
  const unread = read.filter(({ opened }) => !isInFull(opened) || erased.length > 0)
  if (unread.length > 0) {
    const veil = erased.length > 0 ? 'erased' : 'sealed'
    return readable(
      'code',
      'nothing was replayed',
      unread.map(({ runId }) => ({ where: `history ${runId}`, veil })),
    )
  }
  const where: string[] = []
  let compared = 0
  for (const { runId, stored } of read) {
    try {
      const { compared: kinds, differences } = await replayHistory(
        code.workflowBundle,
        await replayableBy(stored, codec),
      )
      compared += Object.values(kinds).reduce((sum, count) => sum + count, 0)
      where.push(...differences.map((difference) => `history ${runId}: ${differenceText(difference)}`))
    } catch (error) {
      const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
      where.push(`history ${runId}: the code goes another way: ${why}`)
    }
  }
  if (where.length > 0) return failed('code', 'the code does not say what the histories say', where)
  return ok('code', `${compared} commands of ${read.length} histories are what the code of ${code.buildId} says`)
}
