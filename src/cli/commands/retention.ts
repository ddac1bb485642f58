import type { Command } from 'commander'
import { moment } from '../../contract/moment.ts'
import { findDataKeys, type MasterKeysOptions, withMasterKeys } from '../master-keys.ts'
import { type CommonOptions, type JsonOption, withCommon, withJson } from '../options.ts'
import { withSession } from '../session.ts'
import { tableOf } from '../table.ts'
import { out, outJson, say } from '../terminal.ts'
import { withLedger } from '../with-ledger.ts'

type Options = CommonOptions & JsonOption & MasterKeysOptions

/** What is of no run is for workers: only they know which policies are in force. */
const longestDays = () => Promise.resolve(null)

/** `countersign retention`: what workers do by themselves, at once; and what they proved. */
export function define(command: Command): void {
  withMasterKeys(
    withJson(withCommon(command.command('run').description('delete what is past its time now, and print the proof'))),
  ).action(run)
  withJson(withCommon(command.command('list').description('list the proofs, the newest first'))).action(list)
}

async function run({ json, ...options }: Options): Promise<void> {
  await withLedger(options, async (db) => {
    await withSession(options, async ({ temporal, place }) => {
      const [{ Retention }, { standingIn }, { findHostKey }, { storeKey }] = await Promise.all([
        import('../../privacy/retention.ts'),
        import('../../privacy/standing.ts'),
        import('../host.ts'),
        import('../../ledger/keys.ts'),
      ])
      const { key } = findHostKey(options.stateDir)
      await storeKey(db, key.keyId, key.publicKey)
      const { namespace } = place
      const standingOf = standingIn(temporal, namespace)
      const keys = await findDataKeys(db, options)
      const swept = await new Retention({ db, keys, key, namespace, standingOf, longestDays }).sweep()
      if (json) outJson(swept)
      else if (swept.certificate !== null) outJson(swept.certificate)
      say(`${swept.runs} runs were past their time, ${swept.held} more are held.`)
    })
  })
}

async function list({ json, ...options }: CommonOptions & JsonOption): Promise<void> {
  await withLedger(options, async (db) => {
    const { retentionCertificates } = await import('../../ledger/erasures.ts')
    const certificates = await retentionCertificates(db)
    if (json) outJson({ certificates })
    else if (certificates.length === 0) say('Nothing was past its time yet.')
    else {
      const rows = certificates.map(({ at, runs, keyId }) => [moment(at), String(runs.length), keyId])
      for (const line of tableOf([['AT', 'RUNS', 'SIGNED BY'], ...rows])) out(line)
    }
  })
}
