import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { type MasterKeysText, MasterKeysError, parseMasterKeys, withNewMasterKey } from '../privacy/master-keys.ts'
import { MAKE } from './master-keys.ts'
import { CliError } from './errors.ts'

/**
 * Adds a master key to a file, or with `use` makes another one of it current. Whoever reads it meanwhile finds the old file or the new one. Fails with
 * `config_invalid` where the file cannot be read or written, and leaves it as it was.
 */
export async function addMasterKey(
  file: string,
  { later, use }: { readonly later: boolean; readonly use?: string | undefined },
): Promise<MasterKeysText> {
  const fresh = `${file}.${randomBytes(4).toString('hex')}`
  try {
    const known = await knownIn(file)
    const text = use === undefined ? withNewMasterKey(known, { later }) : withCurrent(known, use)
    await writeFile(fresh, `${JSON.stringify(text, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
    await rename(fresh, file)
    return text
  } catch (error) {
    await rm(fresh, { force: true })
    const { code } = error as NodeJS.ErrnoException
    if (!(error instanceof MasterKeysError) && code === undefined) throw error
    const reason = error instanceof MasterKeysError ? error.message : code
    throw new CliError('config_invalid', `\`${file}\` was left as it is: ${reason}.`, MAKE, { cause: error })
  }
}

async function knownIn(file: string): Promise<MasterKeysText | undefined> {
  try {
    return parseMasterKeys(await readFile(file, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function withCurrent(known: MasterKeysText | undefined, id: string): MasterKeysText {
  if (known === undefined || !Object.hasOwn(known.keys, id))
    throw new MasterKeysError(`there is no master key \`${id}\``)
  return { ...known, current: id }
}
