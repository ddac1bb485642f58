import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { secureHeaders } from 'hono/secure-headers'
import { issuerKeys } from '../ledger/issuer-keys.ts'
import { type Answered, ask, type GatewayParts } from './asking.ts'
import { PROBLEM_TYPE, problemOf } from './problem.ts'

/** The largest request: what is signed holds digests, and no texts. Bytes. */
const MAX_BODY = 20_000

type Env = { Bindings: HttpBindings }

/**
 * The gateway's routes: `POST /v1/statements` signs what the bearer of a token says (201, or a problem with its code),
 * `GET /v1/keys` lists the public keys, `GET /healthz` answers while the process lives. No other site's page can read
 * an answer: there are no CORS headers.
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
  app.get('/healthz', (context) => context.json({ phase: 'running' }))
  app.notFound((context) => context.json({ error: 'there is POST /v1/statements, GET /v1/keys and GET /healthz' }, 404))
  app.onError((error, context) => {
    parts.onError(error)
    return context.json({ error: 'the gateway failed' }, 500)
  })
  return app
}

function answerOf(context: Context<Env>, answered: Answered): Response {
  if (answered.ok) return context.json({ statement: answered.statement }, 201)
  const problem = problemOf(answered.failure)
  return new Response(`${JSON.stringify(problem)}\n`, {
    status: problem.status,
    headers: {
      'Content-Type': PROBLEM_TYPE,
      ...(problem.status === 401 ? { 'WWW-Authenticate': challengeOf(problem.code) } : {}),
    },
  })
}

/** RFC 6750 §3: nothing is told of a token where none was sent. */
const challengeOf = (code: string): string => (code === 'token_missing' ? 'Bearer' : 'Bearer error="invalid_token"')
