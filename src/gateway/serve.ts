import { createAdaptorServer } from '@hono/node-server'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gatewayApp } from './app.ts'
import type { GatewayParts } from './asking.ts'

/** A gateway that listens. */
export interface Gateway {
  /** `127.0.0.1:8443` */
  readonly address: string
  readonly close: () => Promise<void>
}

/**
 * Serves the gateway by plain HTTP: TLS ends in front of it. Port 0: any that is free. Rejects when the address is
 * taken.
 */
export async function serveGateway(
  { host, port }: { readonly host: string; readonly port: number },
  parts: GatewayParts,
): Promise<Gateway> {
  const server = createAdaptorServer({
    fetch: gatewayApp(parts).fetch,
    // Tokens of 16 KB get as far as a typed refusal.
    serverOptions: { requestTimeout: 10_000, headersTimeout: 10_000, maxHeaderSize: 65_536 },
  }) as Server
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const bound = server.address() as AddressInfo
  const shown = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address
  return {
    address: `${shown}:${bound.port}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}
