import { z } from 'zod'
import { fail } from '../contract/failures.ts'

/** Where a key of Vault's transit engine is, and who asks. */
export interface VaultSettings {
  /** Such as `https://vault.acme.example:8200`. */
  readonly address: string
  /** The name of the key. */
  readonly key: string
  /** Where the engine is mounted. Default: `transit`. */
  readonly mount?: string
  /** Asked anew for each call, so that a renewed one counts. A secret. */
  readonly token: () => string | Promise<string>
  /** Of Vault Enterprise. */
  readonly namespace?: string | undefined
  /** Milliseconds until a call is given up. Default: 5,000. */
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 5_000
const LARGEST_ANSWER = 100_000

const errorAnswer = z.object({ errors: z.array(z.string()) })

/**
 * Asks Vault's transit engine: `GET` without a body, else `POST`. Fails with `keys_unavailable` where Vault does not answer, is sealed, says no, or
 * answers in another form than its documentation says.
 */
export async function askVault<T>(
  { address, mount = 'transit', token, namespace, timeoutMs = TIMEOUT_MS }: VaultSettings,
  path: string,
  body: object | undefined,
  answer: z.ZodType<T>,
): Promise<T> {
  let status: number
  let text: string
  try {
    const response = await fetch(new URL(`/v1/${mount}/${path}`, address), {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        'x-vault-token': await token(),
        'x-vault-request': 'true',
        ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // A token is sent where it was told to be sent, and nowhere else.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    })
    status = response.status
    text = (await response.text()).slice(0, LARGEST_ANSWER)
  } catch (error) {
    const { cause, name } = error as Error & { cause?: { code?: string; message?: string } }
    throw fail('keys_unavailable', `Vault did not answer: ${cause?.code ?? cause?.message ?? name}`)
  }
  if (status !== 200) throw fail('keys_unavailable', `Vault ${saying(status)}${reasonIn(text)}`)
  const parsed = answer.safeParse(jsonIn(text))
  if (parsed.success) return parsed.data
  throw fail('keys_unavailable', 'Vault answered in another form than its documentation says')
}

/** What Vault's status codes mean (its HTTP API, “status codes”). */
function saying(status: number): string {
  if (status === 400) return 'did not take the request (400)'
  if (status === 403) return 'refused: the token is missing, over, or may not do this (403)'
  if (status === 404) return 'knows no such key, or no such engine (404)'
  if (status === 429 || status === 473) return `is a standby that does not answer (${status})`
  if (status === 503) return 'is sealed or down for maintenance (503)'
  return `answered ${status}`
}

const jsonIn = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function reasonIn(text: string): string {
  const parsed = errorAnswer.safeParse(jsonIn(text))
  const reason = parsed.success ? parsed.data.errors.join('; ').slice(0, 300) : ''
  return reason === '' ? '' : `: ${reason}`
}
