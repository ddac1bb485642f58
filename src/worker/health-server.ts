import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Readiness } from './readiness.ts'

/** Where a worker is in its life; `failed`: it has stopped polling and was not told to. */
export type Phase = 'starting' | 'running' | 'draining' | 'failed'

/** What the server asks when somebody asks it. */
export interface HealthSources {
  readonly phase: () => Phase
  readonly readiness: () => Promise<Readiness>
  /** In the text format of Prometheus. */
  readonly metrics: () => Promise<string>
}

export interface HealthAddress {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
}

/** A server that listens. */
export interface HealthServer {
  /** `127.0.0.1:9464` */
  readonly address: string
  readonly close: () => Promise<void>
}

/**
 * Serves `/healthz` (200 unless the worker has failed), `/readyz` (200 while it polls and all that it needs answers, else
 * 503; at once when it drains) and `/metrics`. GET and HEAD alone; nothing that is sent is read.
 */
export async function serveHealth({ host, port }: HealthAddress, sources: HealthSources): Promise<HealthServer> {
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000, maxHeaderSize: 8_192 })
  server.on('request', (request, response) => {
    const isHead = request.method === 'HEAD'
    if (request.method !== 'GET' && !isHead) {
      response.setHeader('Allow', 'GET, HEAD')
      reply(response, isHead, { status: 405, type: JSON_TYPE, body: json({ error: 'only GET and HEAD' }) })
      return
    }
    const path = request.url?.split('?')[0]
    answer(path, sources)
      .catch((error: unknown) => ({ status: 500, type: JSON_TYPE, body: json({ error: String(error) }) }))
      .then((what) => reply(response, isHead, what))
      .catch(() => response.destroy())
  })
  await listening(server, host, port)
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

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

const JSON_TYPE = 'application/json; charset=utf-8'
const json = (value: unknown): string => `${JSON.stringify(value)}\n`

async function answer(path: string | undefined, { phase, readiness, metrics }: HealthSources): Promise<Answer> {
  switch (path ?? '') {
    case '/healthz':
      return { status: phase() === 'failed' ? 503 : 200, type: JSON_TYPE, body: json({ phase: phase() }) }
    case '/readyz': {
      if (phase() !== 'running') return { status: 503, type: JSON_TYPE, body: json({ ready: false, phase: phase() }) }
      const found = await readiness()
      // It may have been told to stop meanwhile.
      const ready = found.ready && phase() === 'running'
      return { status: ready ? 200 : 503, type: JSON_TYPE, body: json({ ...found, ready, phase: phase() }) }
    }
    case '/metrics':
      return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: await metrics() }
    default:
      return { status: 404, type: JSON_TYPE, body: json({ error: 'there is /healthz, /readyz and /metrics' }) }
  }
}

function reply(response: ServerResponse, isHead: boolean, { status, type, body }: Answer): void {
  response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' })
  response.end(isHead ? undefined : body)
}

const listening = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
