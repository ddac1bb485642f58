import { z } from 'zod'
import { canonicalJson, type Digest, digestOf, digestOfText } from '../contract/digest.ts'
import { fail, failureOf } from '../contract/failures.ts'
import { firstIssue } from '../contract/issue.ts'
import type { Json } from '../contract/json.ts'
import { MAX_START_CHARACTERS } from '../contract/limits.ts'
import type { PlaybookContract } from '../contract/playbook.ts'
import type { Principal } from '../contract/principal.ts'
import type { Statement } from '../contract/statement.ts'
import { startMessage } from '../contract/run.ts'
import { textOf } from '../contract/text.ts'

/** A start message as the host reads it; who sent it is not verified yet. */
export interface ParsedStart {
  readonly statement: Json
  /** What the statement claims, to be verified against it. */
  readonly claims: { readonly workspace: string; readonly onBehalfOf?: string }
  /** The request as the playbook's schema read it. */
  readonly request: Json
  /** Of the request as it was sent. */
  readonly requestDigest: Digest
  /** Names the business case, by workspace, playbook and the playbook's own key; `null`: it has none. */
  readonly businessKey: Digest | null
}

/** Who acts in a run, by the verified statement that started it. */
export function principalOf({ about, who }: Statement): Principal {
  const { subject, issuer, kind, workspace, scopes, assurance, development } = who
  const behalf = about.kind === 'start' && about.onBehalfOf !== undefined ? { onBehalfOf: about.onBehalfOf } : {}
  return { subject, issuer, kind, workspace, ...behalf, scopes, assurance, development }
}

/**
 * Reads a start message. Fails with `statement_missing`, `statement_malformed` or `request_invalid`: whatever is wrong with a start is
 * the caller's, and final, since a start that is tried for ever starves the others.
 */
export function parseStart(start: Json, contract: PlaybookContract): ParsedStart {
  try {
    return parsedStart(start, contract)
  } catch (error) {
    throw failureOf(error) === undefined ? fail('request_invalid', `the request: ${textOf(error)}`) : error
  }
}

const claimed = z.object({
  about: z.object({ workspace: z.string(), onBehalfOf: z.string().optional() }),
})

function parsedStart(start: Json, contract: PlaybookContract): ParsedStart {
  const message = startMessage().safeParse(start)
  if (!message.success) {
    const isUnsigned = typeof start === 'object' && start !== null && !Object.hasOwn(start, 'statement')
    throw fail(
      isUnsigned ? 'statement_missing' : 'request_invalid',
      `the start message, {request, statement}: ${firstIssue(message.error)}`,
    )
  }
  const { request: sent, statement } = message.data
  const claims = claimed.safeParse(statement)
  if (!claims.success)
    throw fail('statement_malformed', `the statement is none of a start: ${firstIssue(claims.error)}`)
  const text = canonicalJson(sent)
  if (text.length > MAX_START_CHARACTERS) {
    throw fail(
      'request_invalid',
      `the request has ${text.length} characters; at most ${MAX_START_CHARACTERS} are taken`,
    )
  }
  const parsed = contract.request.safeParse(sent)
  if (!parsed.success) throw fail('request_invalid', `the request: ${firstIssue(parsed.error)}`)
  const { workspace, onBehalfOf } = claims.data.about
  const request = JSON.parse(canonicalJson(parsed.data)) as Json
  return {
    statement,
    claims: { workspace, ...(onBehalfOf === undefined ? {} : { onBehalfOf }) },
    request,
    requestDigest: digestOfText(text),
    businessKey: businessKeyOf(contract, workspace, request),
  }
}

const businessKey = z
  .string()
  .min(1)
  .max(500)
  .refine((key) => key.isWellFormed(), 'must not hold half a surrogate pair')

function businessKeyOf(contract: PlaybookContract, workspace: string, request: Json): Digest | null {
  if (contract.businessKey === undefined) return null
  const key = businessKey.safeParse(contract.businessKey(request))
  if (!key.success) throw fail('request_invalid', `the business key of the request: ${firstIssue(key.error)}`)
  return digestOf({ case: { workspace, playbook: contract.name, key: key.data } })
}
