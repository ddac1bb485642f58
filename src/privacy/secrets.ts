import { readFile } from 'node:fs/promises'
import { isSecretReference } from '../contract/classes.ts'
import { fail } from '../contract/failures.ts'

/** Where secrets are kept. */
export interface SecretSource {
  /** For messages: `the environment`. */
  readonly name: string
  /**
   * The secret of a name, such as `CRM_TOKEN`; `undefined`: it has none of that name. Throws where it cannot tell: that is tried
   * again.
   */
  find(name: string, signal: AbortSignal): Promise<string | undefined>
}

type Environment = Readonly<Record<string, string | undefined>>

/** Secrets in variables: `secret:CRM_TOKEN` is `COUNTERSIGN_SECRET_CRM_TOKEN`. */
export const environmentSecrets = (env: Environment): SecretSource => ({
  name: 'the environment',
  find: (name) => Promise.resolve(env[`COUNTERSIGN_SECRET_${name}`]),
})

/** Secrets in a file of JSON, `{"CRM_TOKEN": "…"}`; read whenever one is asked for, so that a new one counts at once. */
export const fileSecrets = (file: string): SecretSource => ({
  name: 'the file of secrets',
  async find(name) {
    // What is wrong with it is told without a word of what is in it.
    const found: unknown = await readFile(file, 'utf8')
      .then((text): unknown => JSON.parse(text))
      .catch((error: NodeJS.ErrnoException) => {
        throw new Error(`it cannot be read (${error.code ?? error.name})`)
      })
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined
    const value = (found as Readonly<Record<string, unknown>>)[name]
    return typeof value === 'string' ? value : undefined
  },
})

/** How to reach a key-value engine (version 2) of HashiCorp Vault. */
export interface VaultSecretOptions {
  /** `https://vault.example:8200` */
  readonly address: string
  readonly token: string
  /** Of the engine. Default: `secret`. */
  readonly mount?: string
  /** The folder in which each secret has a path of its own, with its value in the key `value`. Default: `countersign`. */
  readonly path?: string
  /** Of Vault Enterprise. */
  readonly namespace?: string
}

const VAULT_MS = 5_000

/** Secrets in Vault: `secret:CRM_TOKEN` is `value` at `<mount>/data/<path>/CRM_TOKEN`. */
export const vaultSecrets = (options: VaultSecretOptions): SecretSource => ({
  name: 'Vault',
  async find(name, signal) {
    const { address, token, mount = 'secret', path = 'countersign', namespace } = options
    const folder = [mount, 'data', ...path.split('/'), name].filter((part) => part !== '').map(encodeURIComponent)
    let response: Response
    try {
      response = await fetch(`${address.replace(/\/+$/, '')}/v1/${folder.join('/')}`, {
        headers: { 'x-vault-token': token, ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }) },
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(VAULT_MS)]),
      })
    } catch {
      throw new Error('it did not answer')
    }
    if (response.status === 404) return undefined
    if (!response.ok) throw new Error(`it answered with status ${response.status}`)
    const body = (await response.json().catch(() => undefined)) as
      | { readonly data?: { readonly data?: { readonly value?: unknown } | null } | null }
      | undefined
    const value = body?.data?.data?.value
    return typeof value === 'string' ? value : undefined
  },
})

/** The sources that the environment names: variables, then `COUNTERSIGN_SECRETS_FILE`, then Vault. */
export function secretSourcesOf(env: Environment): readonly SecretSource[] {
  const file = env['COUNTERSIGN_SECRETS_FILE']
  const address = env['COUNTERSIGN_SECRETS_VAULT_ADDR']
  const token = env['COUNTERSIGN_SECRETS_VAULT_TOKEN'] ?? env['VAULT_TOKEN']
  const mount = env['COUNTERSIGN_SECRETS_VAULT_MOUNT']
  const path = env['COUNTERSIGN_SECRETS_VAULT_PATH']
  return [
    environmentSecrets(env),
    ...(file ? [fileSecrets(file)] : []),
    ...(address && token ? [vaultSecrets({ address, token, ...(mount && { mount }), ...(path && { path }) })] : []),
  ]
}

/** A shorter one could not be told from other words where it is masked. */
const LEAST = 6
/** So long a secret is taken for the same: a step asks for it more than once. */
const FRESH_MS = 30_000
const REMEMBERED = 1_000

/** Resolves references for activities, and keeps what was resolved out of all that they say. */
export class Secrets {
  readonly #sources: readonly SecretSource[]
  readonly #fresh = new Map<string, { readonly value: string; readonly until: number }>()

  constructor(sources: readonly SecretSource[]) {
    this.#sources = sources
  }

  /**
   * The secret of a reference, from the first source that has it. Fails with `input_invalid` on what is no reference, `secret_unknown`
   * where no source has it, and `tool_unavailable` where one cannot tell.
   */
  async resolve(reference: string, signal: AbortSignal): Promise<string> {
    if (!isSecretReference(reference)) {
      throw fail('input_invalid', 'a secret is asked for by a reference, such as `secret:CRM_TOKEN`')
    }
    const name = reference.slice('secret:'.length)
    const known = this.#fresh.get(name)
    if (known !== undefined && known.until > performance.now()) return known.value
    for (const source of this.#sources) {
      let value: string | undefined
      try {
        value = await source.find(name, signal)
      } catch (error) {
        signal.throwIfAborted()
        const why = error instanceof Error ? error.message : 'it failed'
        throw fail('tool_unavailable', `\`${reference}\` cannot be looked up in ${source.name}: ${why}`)
      }
      if (value === undefined) continue
      if (value.length < LEAST) {
        throw fail('secret_unknown', `\`${reference}\` in ${source.name} has less than ${LEAST} characters`)
      }
      remember(name, value)
      this.#fresh.set(name, { value, until: performance.now() + FRESH_MS })
      return value
    }
    throw fail('secret_unknown', `no source of secrets has \`${reference}\``)
  }
}

/** Every form of a secret that this process has resolved, and what is said in its place. */
const resolved = new Map<string, string>()

function remember(name: string, value: string): void {
  const mask = `[secret ${name}]`
  const inJson = JSON.stringify(value).slice(1, -1)
  const encoded = [value, inJson, encodeURIComponent(value), ...base64Of(value)]
  for (const form of encoded) {
    resolved.delete(form)
    resolved.set(form, mask)
  }
  while (resolved.size > REMEMBERED * 6) {
    const [oldest = ''] = resolved.keys()
    resolved.delete(oldest)
  }
}

/** Alone, and as the password behind a user name, as `Basic` has it: what is the same wherever it begins. */
function base64Of(value: string): readonly string[] {
  const whole = Buffer.from(value).toString('base64').replace(/=+$/, '')
  const shifted = [1, 2].map((by) => {
    const text = Buffer.concat([Buffer.alloc(by), Buffer.from(value)])
      .toString('base64')
      .replace(/=+$/, '')
    return text.slice(by === 1 ? 2 : 3, -1)
  })
  return [whole, ...shifted].filter((form) => form.length >= 8)
}

/** A text without the secrets that this process has resolved. */
export function withoutSecrets(text: string): string {
  let said = text
  for (const [form, mask] of resolved) if (said.includes(form)) said = said.replaceAll(form, mask)
  return said
}

/** The same for every text in a value; the value itself where there is none in it. */
export function withoutSecretsIn<T>(value: T): T {
  return resolved.size === 0 ? value : (masked(value, 0) as T)
}

const MAX_DEPTH = 200

function masked(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return withoutSecrets(value)
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value
  if (Array.isArray(value)) {
    const inner = value.map((each) => masked(each, depth + 1))
    return inner.every((each, at) => each === value[at]) ? value : inner
  }
  if (Object.getPrototypeOf(value) !== Object.prototype && Object.getPrototypeOf(value) !== null) return value
  const entries = Object.entries(value)
  const inner = entries.map(([name, each]) => [withoutSecrets(name), masked(each, depth + 1)] as const)
  return inner.every(([name, each], at) => each === entries[at]?.[1] && name === entries[at]?.[0])
    ? value
    : Object.fromEntries(inner)
}
