import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { secureHeaders } from 'hono/secure-headers'
import { issuerKeys } from '../ledger/issuer-keys.ts'
import { type Answered, ask, type GatewayParts } from './asking.ts'
import { codecRoutes } from './codec-routes.ts'
import { problemAnswer } from './problem.ts'

/** The largest request: what is signed holds digests, and no texts. Bytes. */
const MAX_BODY = 20_000

type Env = { Bindings: HttpBindings }

/**
 * The gateway's routes: `POST /v1/statements` signs what the bearer of a token says (201, or a problem with its code),
 * `GET /v1/keys` lists the public keys, `GET /healthz` answers while the process lives. Where it has master keys, it is a codec server, too. No
 * other site's page can read an answer, but those that are listed what the codec server decodes: there are no CORS headers.
 */
export function gatewayApp(parts: GatewayParts): Hono<Env> {
  const app = new Hono<Env>()
  app.use(
    secureHeaders({
      contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
      referrerPolicy: 'no-referrer',
      xFrameOptions: 'DENY',
    }),
  )
  app.use(async (context, next) => {
    await next()
    context.header('Cache-Control', 'no-store')
  })
  const asking = async (context: Context<Env>, body: string | null): Promise<Response> => {
    const answered = await ask(
      {
        source: context.env.incoming.socket.remoteAddress ?? 'unknown',
        authorization: context.req.header('Authorization'),
        contentType: context.req.header('Content-Type'),
        body,
      },
      parts,
    )
    return answerOf(context, answered)
  }
  const limit = bodyLimit({ maxSize: MAX_BODY, onError: (context: Context<Env>) => asking(context, null) })
  app.post('/v1/statements', limit, async (context) => await asking(context, await context.req.text()))
  app.get('/v1/keys', async (context) => context.json({ keys: await issuerKeys(parts.db) }))
  app.get('/healthz', (context) =>
    context.json({ phase: 'running', payloads: parts.payloads === undefined ? 'plain' : 'encrypted' }),
  )
  const { payloads } = parts
  if (payloads !== undefined) app.route('/', codecRoutes({ ...parts, payloads }))
  const codec = payloads === undefined ? '' : ', POST /codec/decode, POST /codec/encode, POST /data-keys'
  const there = `there is POST /v1/statements, GET /v1/keys${codec} and GET /healthz`
  app.notFound((context) => context.json({ error: there }, 404))
  app.onError((error, context) => {
    parts.onError(error)
    return context.json({ error: 'the gateway failed' }, 500)
  })
  return app
}

const answerOf = (context: Context<Env>, answered: Answered): Response =>
  answered.ok ? context.json({ statement: answered.statement }, 201) : problemAnswer(answered.failure)
