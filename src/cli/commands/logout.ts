import type { Command } from 'commander'
import { type CommonOptions, withCommon } from '../options.ts'
import { say } from '../terminal.ts'

/** `countersign logout`: here at once, and at the provider where it can be reached. */
export function define(command: Command): void {
  withCommon(command).action(logout)
}

async function logout({ stateDir }: CommonOptions): Promise<void> {
  const [{ readLogin, removeLogin }, { revoke }] = await Promise.all([
    import('../login-file.ts'),
    import('../device-flow.ts'),
  ])
  // A file that cannot be used is one to get rid of, too.
  const login = await readLogin(stateDir).catch(() => null)
  await removeLogin(stateDir)
  if (login === undefined) {
    say('Nobody was logged in.')
    return
  }
  const isRevoked = login !== null && (await revoke(login).catch(() => false))
  say(isRevoked ? 'Logged out, here and at the provider.' : 'Logged out here; the provider was not told.')
}
