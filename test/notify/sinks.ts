import { createServer, type IncomingHttpHeaders } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { SMTPServer } from 'smtp-server'

/** A request as it came in. */
export interface Came {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A real HTTP server that keeps what comes; `script` says what it answers next, `hang up` cuts the connection. */
export async function httpSink() {
  const came: Came[] = []
  const script: (number | 'hang up' | { readonly status: number; readonly headers: Record<string, string> })[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      came.push({ path: String(request.url), headers: request.headers, body })
      const next = script.shift() ?? 200
      if (next === 'hang up') return request.socket.destroy()
      const { status, headers } = typeof next === 'number' ? { status: next, headers: {} } : next
      return response.writeHead(status, headers).end()
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    came,
    script,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A real SMTP server that keeps messages. */
export async function mailSink(refuse?: number) {
  const messages: { readonly to: readonly string[]; readonly data: string }[] = []
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    logger: false,
    onData(stream, session, done) {
      void text(stream).then((data) => {
        if (refuse !== undefined) return done(Object.assign(new Error('no'), { responseCode: refuse }))
        messages.push({ to: session.envelope.rcptTo.map(({ address }) => address), data })
        done()
      })
    },
  })
  server.on('error', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.server.address() as AddressInfo
  return {
    url: `smtp://127.0.0.1:${port}`,
    messages,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}
