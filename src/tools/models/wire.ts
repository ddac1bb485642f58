import { retryAfterMs } from '../../contract/retry-after.ts'

/** The longest wait that an endpoint may ask for. */
const LONGEST_WAIT_MS = 300_000

/** The largest answer that is read, after decompression. The longest that models write have about a megabyte. */
export const MAX_ANSWER_BYTES = 8_000_000

/** As much of a refusal as is read in search of its code. */
const MAX_REFUSAL_BYTES = 16_000

/** How far one HTTP exchange came. */
export type Exchange =
  /** Nothing was asked of the network. */
  | { readonly kind: 'unsent' }
  /** There was no connection, so nobody has read the prompt. `code` is the system's, such as `ECONNREFUSED`. */
  | { readonly kind: 'unreached'; readonly code: string }
  /** The request may have gone out, and no whole answer came back. */
  | { readonly kind: 'silent'; readonly code: string | null }
  | { readonly kind: 'too_large' }
  /** Any status but 2xx; `reason` is the endpoint's own code for it. */
  | {
      readonly kind: 'refused'
      readonly status: number
      readonly reason: string | null
      readonly waitMs: number | undefined
    }
  /** 2xx with a whole body; `reason` is the code of an error that the body holds all the same. */
  | { readonly kind: 'answered'; readonly reason: string | null }

/** Errors of name, route, connection and certificate: nothing of a request goes out before these are in order. */
const UNREACHED =
  /^(?:EAI_AGAIN|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|UND_ERR_CONNECT_TIMEOUT|UNABLE_TO_.*|ERR_(?:SSL|TLS)_.*|.*CERT.*)$/

/** What an error of `fetch` means for its request. */
function brokenBy(error: unknown): Exchange {
  const cause = error instanceof Error ? error.cause : undefined
  const code: unknown = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined
  if (typeof code !== 'string' || !/^[A-Z0-9_]{1,60}$/.test(code)) return { kind: 'silent', code: null }
  return { kind: UNREACHED.test(code) ? 'unreached' : 'silent', code }
}

/** The body, unless it has more bytes than that. */
async function readAtMost(response: Response, maxBytes: number): Promise<string | undefined> {
  if (response.body === null) return ''
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  // Leaving the loop closes the connection.
  for await (const chunk of response.body) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) return undefined
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** Such as `invalid_api_key`: a word of a closed set and not of a prompt, which an error message may quote. */
const REASON = /^[a-z]+(?:_[a-z]+){0,8}$/

/** The code of the error in a body, in the form that OpenAI and Anthropic share: `{error: {code?, type?}}`. */
function reasonIn(text: string | undefined): string | null {
  try {
    const { error } = JSON.parse(text ?? '') as { error?: { code?: unknown; type?: unknown } | null }
    const reason = error?.code ?? error?.type
    return typeof reason === 'string' && reason.length <= 80 && REASON.test(reason) ? reason : null
  } catch {
    return null
  }
}

/** One call's way to the network, and what became of it. */
export interface Wire {
  readonly fetch: typeof globalThis.fetch
  readonly exchange: () => Exchange
}

/**
 * A `fetch` for one call. It follows no redirect, since the configuration says where prompts and keys go; reads an
 * answer wholly and within bounds before anybody parses it; and throws on any status but 2xx, whose words are not
 * handed on.
 */
export function newWire(): Wire {
  let exchange: Exchange = { kind: 'unsent' }
  return {
    exchange: () => exchange,
    fetch: async (url, init) => {
      exchange = { kind: 'silent', code: null }
      let response: Response
      try {
        response = await fetch(url, { ...init, redirect: 'manual' })
      } catch (error) {
        exchange = brokenBy(error)
        throw error
      }
      const { status, ok, headers } = response
      if (!ok) {
        const refused = {
          kind: 'refused',
          status,
          reason: null,
          waitMs: retryAfterMs(headers, Date, LONGEST_WAIT_MS),
        } as const
        exchange = refused
        const text = await readAtMost(response, MAX_REFUSAL_BYTES).catch(() => undefined)
        exchange = { ...refused, reason: reasonIn(text) }
        throw new Error(`status ${status}`)
      }
      const text = await readAtMost(response, MAX_ANSWER_BYTES)
      if (text === undefined) {
        exchange = { kind: 'too_large' }
        throw new Error('the answer is too large')
      }
      exchange = { kind: 'answered', reason: reasonIn(text) }
      return new Response(text, { headers: { 'content-type': 'application/json' } })
    },
  }
}
