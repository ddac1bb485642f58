import type { RunKey } from '../contract/evidence.ts'
import type { Principal } from '../contract/principal.ts'
import type { HostKey } from './host-key.ts'

/** What a tool may do with a credential, where, for whom and for how long. */
export interface Granted {
  readonly runKey: RunKey
  readonly step: string
  readonly tool: string
  readonly principal: Principal
  readonly scopes: readonly string[]
  /** How long it is valid from now on, in milliseconds. */
  readonly validMs: number
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/**
 * A JWT (RFC 7519) signed by the host with Ed25519 (RFC 8037): issuer `countersign`, audience the tool, subject the principal,
 * `scope` as in RFC 8693, `workspace`, `run` and `step`. A system verifies it with the host's public key of `kid`, which stands in
 * `countersign.keys`. It is good for one step of one run, and is no shared secret.
 */
export function signCredential(key: HostKey, { runKey, step, tool, principal, scopes, validMs }: Granted): string {
  const iat = Math.floor(Date.now() / 1000)
  const payload = {
    iss: 'countersign',
    aud: tool,
    sub: principal.subject,
    ...(principal.onBehalfOf === undefined ? {} : { act_for: principal.onBehalfOf }),
    workspace: principal.workspace,
    scope: scopes.join(' '),
    run: runKey,
    step,
    ...(principal.development ? { development: true } : {}),
    iat,
    exp: iat + Math.max(Math.ceil(validMs / 1000), 1),
  }
  const text = `${part({ alg: 'EdDSA', typ: 'JWT', kid: key.keyId })}.${part(payload)}`
  return `${text}.${key.sign(text)}`
}
