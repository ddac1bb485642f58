import type { Command } from 'commander'
import type { IssuerKey } from '../../ledger/issuer-keys.ts'
import type { MasterKeyUse } from '../../ledger/data-keys.ts'
import { EXIT } from '../exit.ts'
import { DEFAULT_GATEWAY_NAME } from '../gateway-options.ts'
import { type CommonOptions, filled, type JsonOption, withCommon, withJson, wholeNumber } from '../options.ts'
import { findDataKeys, MAKE, type MasterKeysOptions, withMasterKeys } from '../master-keys.ts'
import { tableOf } from '../table.ts'
import { out, outJson, plain, say } from '../terminal.ts'
import { moment } from '../../contract/moment.ts'
import { withLedger } from '../with-ledger.ts'

interface Options extends CommonOptions, JsonOption {}

interface RotateOptions extends Options {
  readonly out: string
  readonly name: string
  readonly overlapMinutes: number
}

interface RevokeOptions extends Options {
  readonly compromised?: true
}

interface NewMasterOptions extends JsonOption {
  readonly out: string
  readonly later?: true
  readonly use?: string
}

/**
 * `countersign keys list`, `rotate` and `revoke`: of the issuers of statements, from the ledger. `new-master` and `rewrap`: of what is
 * encrypted.
 */
export function define(command: Command): void {
  withJson(withCommon(command.command('list').description('list every key there ever was, the newest first'))).action(
    list,
  )
  withJson(withCommon(command.command('rotate').description('make a new key for the gateway')))
    .requiredOption('--out <file>', 'where the new private key is written, for you alone to read', filled)
    .option('--name <name>', 'whose key it is', filled, DEFAULT_GATEWAY_NAME)
    .option('--overlap-minutes <number>', 'how long the keys before it may still sign', wholeNumber(0, 10_080), 60)
    .action(rotate)
  withJson(withCommon(command.command('revoke').description('have hosts refuse what a key signs from now on')))
    .argument('<key-id>', 'as `keys list` shows it')
    .option('--compromised', 'others may have it: refuse all that it ever signed')
    .action(revoke)
  withJson(command.command('new-master').description('add a master key to a file, and make it the current one'))
    .requiredOption('--out <file>', 'the file of master keys; made where there is none, for you alone to read', filled)
    .option('--later', 'leave the one before it current, until every process has read the file')
    .option('--use <key-id>', 'make no key, but have one of the file be the current one', filled)
    .action(newMaster)
  withMasterKeys(
    withJson(withCommon(command.command('rewrap').description('wrap every data key by the current master key'))),
  ).action(rewrap)
}

async function newMaster({ out: file, later, use, json }: NewMasterOptions): Promise<void> {
  const { addMasterKey } = await import('../master-key-file.ts')
  const { current, keys } = await addMasterKey(file, { later: later === true, use })
  if (json) {
    outJson({ file, current, keys: Object.keys(keys) })
    return
  }
  for (const id of Object.keys(keys)) out(`${id}  ${id === current ? 'current' : 'unwraps only'}`)
  say(`Keep \`${file}\` where the database is not, and a copy of it: without it nothing that it wrapped can be read.`)
  if (Object.keys(keys).length > 1) say('Once every process has it: `countersign keys rewrap`.')
}

async function rewrap({ json, ...options }: Options & MasterKeysOptions): Promise<void> {
  await withLedger(options, async (db) => {
    const { CliError } = await import('../errors.ts')
    const keys = await findDataKeys(db, options)
    if (keys === undefined) {
      throw new CliError('master_keys_missing', 'There are no master keys to wrap with.', MAKE)
    }
    const { rewrapped, left } = await keys.rewrap((done) => {
      if (!json) say(`${done} wrapped`)
    })
    const { countDataKeys } = await import('../../ledger/data-keys.ts')
    const byMasterKey = await countDataKeys(db)
    if (json) outJson({ rewrapped, left, byMasterKey })
    else for (const line of tableOf([DATA_HEAD, ...byMasterKey.map(dataRowOf)])) out(line)
    if (left > 0) {
      say(
        'Some are left: made meanwhile by a process with another current key, or wrapped by a key that is not here. Run it again once every process has this one.',
      )
      process.exitCode = EXIT.no
    }
  })
}

const DATA_HEAD = ['MASTER KEY', 'DATA KEYS', 'DESTROYED']
const dataRowOf = ({ masterKeyId, live, destroyed }: MasterKeyUse): readonly string[] => [
  plain(masterKeyId),
  String(live),
  String(destroyed),
]

const HEAD = ['KEY', 'ISSUER', 'FROM', 'UNTIL', 'STANDING']

function standingOf({ development, validTo, revokedAt, compromisedAt }: IssuerKey): string {
  const what = development ? 'development, ' : ''
  if (compromisedAt !== null) return `${what}compromised ${moment(compromisedAt.toISOString())}`
  if (revokedAt !== null) return `${what}revoked ${moment(revokedAt.toISOString())}`
  return `${what}${validTo === null ? 'in force' : validTo.getTime() > Date.now() ? 'ending' : 'over'}`
}

const rowOf = (key: IssuerKey): readonly string[] => [
  key.keyId,
  plain(key.issuer),
  moment(key.validFrom.toISOString()),
  key.validTo === null ? '' : moment(key.validTo.toISOString()),
  standingOf(key),
]

async function list({ json, ...options }: Options): Promise<void> {
  await withLedger(options, async (db) => {
    const [{ issuerKeys }, { countDataKeys }] = await Promise.all([
      import('../../ledger/issuer-keys.ts'),
      import('../../ledger/data-keys.ts'),
    ])
    const keys = await issuerKeys(db)
    const masterKeys = await countDataKeys(db)
    if (json) outJson({ keys, masterKeys })
    else if (keys.length === 0) say('There is no key yet: `countersign keys rotate --out <file>` makes one.')
    else for (const line of tableOf([HEAD, ...keys.map(rowOf)])) out(line)
    if (json || masterKeys.length === 0) return
    out('')
    for (const line of tableOf([DATA_HEAD, ...masterKeys.map(dataRowOf)])) out(line)
  })
}

async function rotate({ out: file, name, overlapMinutes, json, ...options }: RotateOptions): Promise<void> {
  await withLedger(options, async (db) => {
    const [{ hostKeyOf, newHostKey }, { rotateIssuerKey }, { rm }, { writeKey }] = await Promise.all([
      import('../../identity/host-key.ts'),
      import('../../ledger/issuer-keys.ts'),
      import('node:fs/promises'),
      import('../gateway-key.ts'),
    ])
    const pem = newHostKey()
    const { keyId, publicKey } = hostKeyOf(pem)
    await writeKey(file, pem)
    const made = { keyId, publicKey, issuer: name, development: false }
    const { key, ending } = await rotateIssuerKey(db, made, overlapMinutes).catch(async (error: unknown) => {
      // Nobody could verify what it signs.
      await rm(file, { force: true })
      throw error
    })
    if (json) {
      outJson({ key, ending })
      return
    }
    out(`key  ${key.keyId}`)
    out(`file  ${file}`)
    for (const each of ending) out(`ends  ${each.keyId}, at ${moment(each.validTo?.toISOString() ?? '')}`)
    say('Start the gateway with COUNTERSIGN_ISSUER_KEY_FILE on that file.')
  })
}

async function revoke(keyId: string, { compromised, json, ...options }: RevokeOptions): Promise<void> {
  await withLedger(options, async (db) => {
    const { revokeIssuerKey } = await import('../../ledger/issuer-keys.ts')
    const key = await revokeIssuerKey(db, keyId, { compromised: compromised === true })
    if (key === undefined) {
      const { printRefusal } = await import('../errors.ts')
      if (json) outJson({ key: null })
      printRefusal(`there is no key ${keyId}`, 'See `countersign keys list`.', 'key_unknown')
      process.exitCode = EXIT.no
      return
    }
    if (json) outJson({ key })
    else for (const line of tableOf([HEAD, rowOf(key)])) out(line)
    say(
      compromised
        ? 'Nothing that it ever signed counts any more, on any host.'
        : 'What it signs from now on counts on no host. What it signed before does.',
    )
  })
}
