import { once } from 'node:events'
import { type IncomingHttpHeaders, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as it came over the wire. */
export interface Recorded {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Readonly<Record<string, unknown>>
}

/** One scripted answer. */
export type Scripted = (response: ServerResponse) => void

/** A model endpoint that answers as scripted, records what it was sent, and fails the test when it runs out. */
export interface ScriptedEndpoint extends AsyncDisposable {
  readonly url: string
  readonly requests: readonly Recorded[]
}

export async function scriptedEndpoint(...script: readonly Scripted[]): Promise<ScriptedEndpoint> {
  const requests: Recorded[] = []
  const surplus: string[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => (text += chunk))
    request.on('end', () => {
      requests.push({ path: request.url ?? '', headers: request.headers, body: JSON.parse(text) })
      const answer = script[requests.length - 1]
      if (answer === undefined) surplus.push(request.url ?? '')
      else return answer(response)
      response.writeHead(500).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
      if (surplus.length > 0) throw new Error(`the script of the model endpoint ran out after ${script.length} answers`)
      if (requests.length < script.length)
        throw new Error(`only ${requests.length} of ${script.length} answers were asked for`)
    },
  }
}

export const status =
  (
    code: number,
    headers: Readonly<Record<string, string>> = {},
    body = '{"error":{"message":"SECRET-ECHO"}}',
  ): Scripted =>
  (response) =>
    response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(body)

/** 200 with a value as JSON. */
export const json = (body: unknown): Scripted => status(200, {}, JSON.stringify(body))

export const hangUp: Scripted = (response) => response.socket?.destroy()

export const hangUpInTheMiddle: Scripted = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '5000' })
  response.write('{"id":', () => response.socket?.destroy())
}

export const saysNothing: Scripted = () => undefined

/** Begins its answer and goes on, a space at a time, for as long as anybody listens. */
export const dawdles: Scripted = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  const timer = setInterval(() => response.write(' '), 10)
  response.on('close', () => clearInterval(timer))
}

/** Never stops writing; `closed` is told how many bytes were taken before the listener left. */
export const floods =
  (closed: (bytes: number) => void): Scripted =>
  (response) => {
    const chunk = Buffer.alloc(64 * 1024, 'x')
    let bytes = 0
    const write = () => {
      while (!response.destroyed && response.write(chunk)) bytes += chunk.length
      bytes += chunk.length
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.on('drain', write)
    response.on('close', () => closed(bytes))
    write()
  }
