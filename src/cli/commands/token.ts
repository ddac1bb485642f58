import type { Command } from 'commander'
import { type IdentityOption, withIdentity } from '../identity-options.ts'
import { type CommonOptions, withCommon } from '../options.ts'
import { out, plain } from '../terminal.ts'

/** `countersign token`: for other programs, such as `temporal --codec-auth`. */
export function define(command: Command): void {
  withIdentity(withCommon(command)).action(async (options: CommonOptions & IdentityOption) => {
    const { tokenOf } = await import('../speaking.ts')
    out(plain(await tokenOf(options)))
  })
}
