import type { Command } from 'commander'
import { type GatewayOptions, withGatewayOptions } from '../gateway-options.ts'
import { withCommon } from '../options.ts'

/** `countersign gateway`: runs until SIGTERM. */
export function define(command: Command): void {
  withGatewayOptions(withCommon(command)).action(async (options: GatewayOptions) => {
    const { runGateway } = await import('../servers/gateway.ts')
    await runGateway(options)
  })
}
