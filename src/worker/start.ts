import { z } from 'zod'
import { canonicalJson, type Digest, digestOf, digestOfText } from '../contract/digest.ts'
import { fail, failureOf } from '../contract/failures.ts'
import { firstIssue } from '../contract/issue.ts'
import type { Json } from '../contract/json.ts'
import { MAX_START_CHARACTERS } from '../contract/limits.ts'
import type { PlaybookContract } from '../contract/playbook.ts'
import type { Principal } from '../contract/principal.ts'
import { startMessage } from '../contract/run.ts'
import { textOf } from '../contract/text.ts'

/** A start message as the host believes it. */
export interface ParsedStart {
  readonly principal: Principal
  /** The request as the playbook's schema read it. */
  readonly request: Json
  readonly requestDigest: Digest
  /** Names the business case, by workspace, playbook and the playbook's own key; `null`: it has none. */
  readonly businessKey: Digest | null
}

/**
 * Reads a start message. Fails with `principal_invalid` or `request_invalid`: whatever is wrong with a start is the
 * caller's, and final, since a start that is tried for ever starves the others.
 */
export function parseStart(start: Json, contract: PlaybookContract): ParsedStart {
  try {
    return parsedStart(start, contract)
  } catch (error) {
    throw failureOf(error) === undefined ? fail('request_invalid', `the request: ${textOf(error)}`) : error
  }
}

function parsedStart(start: Json, contract: PlaybookContract): ParsedStart {
  const message = startMessage().safeParse(start)
  if (!message.success) {
    const whose = message.error.issues[0]?.path[0] === 'principal' ? 'principal_invalid' : 'request_invalid'
    throw fail(whose, `the start message: ${firstIssue(message.error)}`)
  }
  const text = canonicalJson({ start })
  if (text.length > MAX_START_CHARACTERS) {
    throw fail(
      'request_invalid',
      `the request has ${text.length} characters; at most ${MAX_START_CHARACTERS} are taken`,
    )
  }
  const parsed = contract.request.safeParse(message.data.request)
  if (!parsed.success) throw fail('request_invalid', `the request: ${firstIssue(parsed.error)}`)
  const { onBehalfOf, ...claimed } = message.data.principal
  const request = JSON.parse(canonicalJson(parsed.data)) as Json
  return {
    principal: { ...claimed, ...(onBehalfOf === undefined ? {} : { onBehalfOf }), proof: 'unauthenticated' },
    request,
    requestDigest: digestOfText(text),
    businessKey: businessKeyOf(contract, claimed.workspace, request),
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
