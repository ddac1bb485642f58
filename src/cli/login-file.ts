import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { CliError } from './errors.ts'

const login = z.strictObject({
  v: z.literal(1),
  issuer: z.string(),
  clientId: z.string(),
  accessToken: z.string(),
  refreshToken: z.string().nullable(),
  /** Of the access token; ISO 8601, UTC. */
  expiresAt: z.iso.datetime(),
})

/** Who is logged in here: tokens, so nobody else may read it. */
export type Login = z.output<typeof login>

export const loginFile = (stateDir: string): string => join(stateDir, 'login.json')

/** Reads who is logged in; `undefined`: nobody is. Fails with `login_invalid` on a file that others may read. */
export async function readLogin(stateDir: string): Promise<Login | undefined> {
  const file = loginFile(stateDir)
  let text: string
  try {
    const { mode } = await stat(file)
    // Windows has no such bits.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) throw invalid(file, 'can be read by others')
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    return login.parse(JSON.parse(text))
  } catch {
    // What it holds is not told: it may be half a token.
    throw invalid(file, 'is not in the form of this version')
  }
}

const invalid = (file: string, what: string): CliError =>
  new CliError('login_invalid', `The file \`${file}\` ${what}.`, 'Run `countersign logout`, and log in again.')

/** Writes who is logged in, for the owner of this process alone; whole, or not at all. */
export async function writeLogin(stateDir: string, who: Login): Promise<void> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  const draft = join(stateDir, `login-${randomUUID()}.json`)
  try {
    await writeFile(draft, `${JSON.stringify(who, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' })
    await rename(draft, loginFile(stateDir))
  } finally {
    await rm(draft, { force: true })
  }
}

export const removeLogin = (stateDir: string): Promise<void> => rm(loginFile(stateDir), { force: true })
