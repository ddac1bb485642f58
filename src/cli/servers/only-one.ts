import { dirname } from 'node:path'
import { mkdir } from 'node:fs/promises'
import { lock } from 'proper-lockfile'
import { CliError } from '../errors.ts'

/** Holds the state of a signer or a witness for this process alone; answers what lets it go. Fails with `config_invalid`. */
export async function onlyOne(file: string): Promise<() => Promise<void>> {
  await mkdir(dirname(file), { recursive: true })
  try {
    return await lock(file, { realpath: false, stale: 10_000 })
  } catch (cause) {
    throw new CliError(
      'config_invalid',
      `Another process has the state \`${file}\`.`,
      'Stop that one: two of them would sign two logs.',
      { cause },
    )
  }
}
