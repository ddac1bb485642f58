import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { cors } from 'hono/cors'
import type { Failure } from '../contract/failures.ts'
import {
  checkOrigin,
  type CodecAnswered,
  type CodecAsked,
  type CodecParts,
  decode,
  encode,
  isOrigin,
  MAX_CODEC_BODY,
} from './codec.ts'
import { handKey } from './key-requests.ts'
import { problemAnswer } from './problem.ts'
import { failureOf } from '../contract/failures.ts'
import type { SentPayload } from './payload-json.ts'

type Env = { Bindings: HttpBindings }

/** How many payloads were not decoded, by the code of why: `payload_erased=1`. */
const KEPT_HEADER = 'Countersign-Not-Decoded'

/**
 * The routes of a codec server, as Temporal's UI and CLI ask one: `POST /codec/decode` and `/codec/encode`, or with the namespace in the path; and
 * `POST /data-keys` for clients without a database, which no page may ask.
 */
export function codecRoutes(parts: CodecParts): Hono<Env> {
  const app = new Hono<Env>()
  const limit = bodyLimit({
    maxSize: MAX_CODEC_BODY,
    onError: (context: Context<Env>) => answerOf(context, null, parts),
  })
  const shared = cors({
    origin: (origin) => (isOrigin(origin, parts.payloads) ? origin : null),
    allowMethods: ['POST'],
    allowHeaders: ['X-Namespace', 'Content-Type', 'Authorization'],
    exposeHeaders: [KEPT_HEADER],
    maxAge: 600,
  })
  app.use('/codec/*', async (context, next) => {
    // A preflight says nothing of whoever asks, and is not logged.
    if (context.req.method !== 'OPTIONS') return await shared(context, next)
    const refused = originRefusal(context, parts)
    return refused === undefined ? await shared(context, next) : problemAnswer(refused)
  })
  for (const path of [
    '/codec/encode',
    '/codec/decode',
    '/codec/:namespace/encode',
    '/codec/:namespace/decode',
    '/data-keys',
  ]) {
    app.post(path, limit, async (context) => await answerOf(context, await context.req.text(), parts))
  }
  return app
}

function originRefusal(context: Context<Env>, parts: CodecParts): Failure | undefined {
  try {
    checkOrigin(context.req.header('Origin'), parts.payloads)
    return undefined
  } catch (error) {
    return failureOf(error)
  }
}

async function answerOf(context: Context<Env>, body: string | null, parts: CodecParts): Promise<Response> {
  const asked: CodecAsked = {
    source: context.env.incoming.socket.remoteAddress ?? 'unknown',
    origin: context.req.header('Origin'),
    authorization: context.req.header('Authorization'),
    contentType: context.req.header('Content-Type'),
    body,
    namespaces: [context.req.param('namespace'), context.req.header('X-Namespace')],
  }
  if (context.req.path.endsWith('/data-keys')) {
    // A key is nothing that a page needs.
    const answered = await handKey(asked, { ...parts, payloads: { ...parts.payloads, origins: [] } })
    return answered.ok ? context.json(answered.answer) : problemAnswer(answered.failure)
  }
  const answered = await (context.req.path.endsWith('/encode') ? encode : decode)(asked, parts)
  return payloadsAnswer(context, answered, body)
}

function payloadsAnswer(
  context: Context<Env>,
  answered: CodecAnswered<readonly SentPayload[]>,
  body: string | null,
): Response {
  if (!answered.ok) return problemAnswer(answered.failure, sentIn(body))
  const kept = [...answered.kept].map(([code, count]) => `${code}=${count}`).toSorted()
  if (kept.length > 0) context.header(KEPT_HEADER, kept.join(', '))
  return context.json({ payloads: answered.answer })
}

/**
 * What was sent, for a problem: not all versions of Temporal's UI look at the status of an answer, and such a one shows nothing where the answer has no `payloads`. With
 * these it shows what it has, which is not decoded.
 */
function sentIn(body: string | null): { readonly payloads: readonly unknown[] } | undefined {
  try {
    const { payloads } = JSON.parse(body ?? '') as { readonly payloads?: unknown }
    return Array.isArray(payloads) ? { payloads } : undefined
  } catch {
    // It was no JSON, as the problem says.
    return undefined
  }
}
