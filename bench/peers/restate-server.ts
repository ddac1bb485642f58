import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { lastWords } from '../../src/embedded/last-words.ts'
import { freePort, LOOPBACK } from '../../src/embedded/ports.ts'
import { startServer } from '../../src/embedded/server-process.ts'

const START_TIMEOUT_MS = 60_000
const POLL_MS = 100

/** A Restate that answers. */
export interface RestateServer {
  readonly pid: number
  /** URL that runs are started and approved at. */
  readonly ingress: string
  /** Makes the services of an endpoint known. */
  register(endpoint: string): Promise<void>
  stop(): Promise<void>
}

/** The server's binary for this machine; throws where it is not installed. */
export function restateBinary(): string {
  const launcher = createRequire(import.meta.url).resolve('@restatedev/restate-server/package.json')
  const name = `@restatedev/restate-server-${process.platform}-${process.arch}`
  return createRequire(launcher).resolve(`${name}/bin/restate-server`)
}

/** Starts a single node with the server's default settings, durable on disk below `dir`. It dies with this process. */
export async function startRestate(dir: string): Promise<RestateServer> {
  const [ingressPort, adminPort, nodePort] = [await freePort(), await freePort(), await freePort()]
  const server = await startServer({
    executable: restateBinary(),
    args: ['--no-logo', '--base-dir', join(dir, 'restate')],
    env: {
      ...process.env,
      RESTATE_LISTEN_MODE: 'tcp',
      RESTATE_BIND_IP: LOOPBACK,
      RESTATE_BIND_PORT: String(nodePort),
      RESTATE_ADMIN__BIND_PORT: String(adminPort),
      RESTATE_INGRESS__BIND_PORT: String(ingressPort),
      RESTATE_DISABLE_TELEMETRY: 'true',
      RESTATE_LOG_FILTER: 'warn',
    },
    stopSignal: 'SIGTERM',
  })
  const [admin, ingress] = [`http://${LOOPBACK}:${adminPort}`, `http://${LOOPBACK}:${ingressPort}`]
  const answers = (url: string): Promise<boolean> =>
    fetch(url).then(
      ({ ok }) => ok,
      () => false,
    )
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!((await answers(`${admin}/health`)) && (await answers(`${ingress}/restate/health`)))) {
    if (!server.hasExited() && Date.now() < deadline) {
      await delay(POLL_MS)
      continue
    }
    await server.stop()
    throw new Error(`The Restate server did not start. Its last words:\n${lastWords(server.output())}`)
  }
  return {
    pid: server.pid,
    ingress,
    async register(endpoint) {
      const answer = await fetch(`${admin}/deployments`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ uri: endpoint }),
      })
      if (!answer.ok) throw new Error(`Restate refused ${endpoint}: ${answer.status} ${await answer.text()}`)
    },
    stop: () => server.stop(),
  }
}
