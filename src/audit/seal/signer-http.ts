import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { createHash, timingSafeEqual } from 'node:crypto'
import { chmod, rm } from 'node:fs/promises'
import { createConnection, type AddressInfo } from 'node:net'
import type { Server } from 'node:http'
import { Agent } from 'undici'
import { z } from 'zod'
import { StepError } from './remembered.ts'
import type { Signer } from './signer.ts'
import { addCheckpoint, type Witness } from './witness.ts'

/** Where something listens: a socket file, which only its owner and his group can open, or an address. */
export type Listening = { readonly socket: string } | { readonly host: string; readonly port: number }

export interface Served {
  /** The address with its port, or the socket. */
  readonly at: string
  readonly close: () => Promise<void>
}

const MOST_BYTES = 4 * 1_024 * 1_024

const bytesOf = (base64: string): Buffer => Buffer.from(base64, 'base64')
const encoded = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/)
const sealBody = z.strictObject({ payload: base64 })
const hash = base64.length(44)
const stepBody = z.strictObject({
  old: z.int().min(0),
  size: z.int().min(0),
  root: hash,
  proof: z.array(hash).max(63),
})

/** Serves a signer. With a token, whoever has not got it is refused; a socket file may do without. */
export function signerApp(signer: Signer, token: string | undefined): Hono {
  const app = new Hono()
  app.use(bodyLimit({ maxSize: MOST_BYTES }))
  app.use(async (context, next) => {
    const given = context.req.header('authorization') ?? ''
    if (token !== undefined && !isSame(given, `Bearer ${token}`))
      return context.json({ error: 'the token is missing or wrong' }, 401)
    return await next()
  })
  app.get('/origin', (context) => context.json({ origin: signer.origin }))
  app.post('/seal', async (context) => {
    const body = sealBody.safeParse(await context.req.json().catch(() => undefined))
    if (!body.success) return context.json({ error: 'the body is no seal' }, 400)
    try {
      return context.json(await signer.seal(Buffer.from(body.data.payload, 'base64')))
    } catch (error) {
      if (error instanceof TypeError) return context.json({ error: error.message }, 400)
      throw error
    }
  })
  app.post('/checkpoint', async (context) => {
    const body = stepBody.safeParse(await context.req.json().catch(() => undefined))
    if (!body.success) return context.json({ error: 'the body is no checkpoint' }, 400)
    const { old, size, root, proof } = body.data
    try {
      const now = { origin: signer.origin, size, root: bytesOf(root) }
      return context.json({ note: await signer.checkpoint({ old, proof: proof.map(bytesOf), now }) })
    } catch (error) {
      if (error instanceof StepError)
        return context.json({ error: error.message, why: error.why, seen: error.seen }, 409)
      throw error
    }
  })
  app.onError((error, context) => context.json({ error: error.message }, 503))
  return app
}

/** Serves a witness (c2sp.org/tlog-witness). Whoever asks needs no token: the log has to have signed what he brings. */
export function witnessApp(witness: Witness): Hono {
  const app = new Hono()
  app.use(bodyLimit({ maxSize: 100_000 }))
  app.post('/add-checkpoint', async (context) => {
    const { status, body, isSize } = await addCheckpoint(witness, await context.req.text())
    context.header('content-type', isSize === true ? 'text/x.tlog.size' : 'text/plain; charset=utf-8')
    return context.body(body, status)
  })
  return app
}

/** Both in the same time, whatever is given. */
const isSame = (one: string, other: string): boolean => timingSafeEqual(digestOf(one), digestOf(other))
const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Listens. A socket file that nobody listens at any more is taken over. Rejects where the place is taken. */
export async function serve(app: Hono, where: Listening): Promise<Served> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    serverOptions: { requestTimeout: 10_000, headersTimeout: 10_000 },
  }) as Server
  if ('socket' in where && !(await isListening(where.socket))) await rm(where.socket, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    const ready = (): void => {
      server.off('error', reject)
      resolve()
    }
    if ('socket' in where) server.listen(where.socket, ready)
    else server.listen(where.port, where.host, ready)
  })
  if ('socket' in where) await chmod(where.socket, 0o660)
  return {
    at: 'socket' in where ? where.socket : shown(server.address() as AddressInfo),
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}

const shown = ({ family, address, port }: AddressInfo): string =>
  `${family === 'IPv6' ? `[${address}]` : address}:${port}`

const isListening = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const connection = createConnection(socket)
    connection.once('connect', () => {
      connection.destroy()
      resolve(true)
    })
    connection.once('error', () => resolve(false))
  })

/** Where a signer is asked. */
export interface SignerAt {
  /** `http://127.0.0.1:9466`, or `unix:/run/countersign/signer.sock`. */
  readonly url: string
  readonly token?: string | undefined
  /** Milliseconds until a call is given up. Default: 10,000. */
  readonly timeoutMs?: number
}

/** The signer does not answer, or says no. */
export class SignerError extends Error {
  override readonly name = 'SignerError'
}

const originAnswer = z.object({ origin: z.string() })
const sealAnswer = z.object({ keyid: z.string(), sig: z.string() })
const noteAnswer = z.object({ note: z.string() })
const errorAnswer = z.object({
  error: z.string(),
  why: z.enum(['behind', 'forked', 'unknown']).optional(),
  seen: z.int().optional(),
})

/** A signer in another process. */
export interface RemoteSigner extends Signer {
  /** Throws `SignerError` where it does not answer. */
  readonly isUp: () => Promise<unknown>
  readonly close: () => Promise<void>
}

/** Finds a signer in another process. Throws `SignerError` where it does not answer. */
export async function signerAt(at: SignerAt): Promise<RemoteSigner> {
  const socket = at.url.startsWith('unix:') ? at.url.slice('unix:'.length) : undefined
  const dispatcher = new Agent(socket === undefined ? {} : { connect: { socketPath: socket } })
  const base = socket === undefined ? at.url.replace(/\/$/, '') : 'http://signer'
  const ask = <T>(path: string, answer: z.ZodType<T>, body?: object): Promise<T> =>
    asked(base + path, { ...at, dispatcher }, answer, body)
  try {
    const { origin } = await ask('/origin', originAnswer)
    return {
      origin,
      seal: (payload) => ask('/seal', sealAnswer, { payload: encoded(payload) }),
      async checkpoint({ old, proof, now: { size, root } }) {
        const body = { old, size, root: encoded(root), proof: proof.map(encoded) }
        return (await ask('/checkpoint', noteAnswer, body)).note
      },
      isUp: () => ask('/origin', originAnswer),
      close: () => dispatcher.close(),
    }
  } catch (error) {
    await dispatcher.close()
    throw error
  }
}

async function asked<T>(
  url: string,
  { token, timeoutMs = 10_000, dispatcher }: SignerAt & { readonly dispatcher: Agent },
  answer: z.ZodType<T>,
  body: object | undefined,
): Promise<T> {
  const { fetch } = await import('undici')
  let status: number
  let json: unknown
  try {
    const response = await fetch(url, {
      dispatcher,
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    })
    status = response.status
    json = await response.json().catch(() => undefined)
  } catch (error) {
    const { cause, name } = error as Error & { cause?: { code?: string } }
    throw new SignerError(`the signer did not answer: ${cause?.code ?? name}`, { cause: error })
  }
  if (status === 200) {
    const parsed = answer.safeParse(json)
    if (parsed.success) return parsed.data
    throw new SignerError('the signer answered in another form than this version')
  }
  const { error = `status ${status}`, why, seen = 0 } = errorAnswer.safeParse(json).data ?? {}
  if (status === 409 && why !== undefined) throw new StepError(why, error, seen)
  throw new SignerError(`the signer refused: ${error}`)
}
