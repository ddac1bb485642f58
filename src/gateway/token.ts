import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose'
import { fail, type FailureCode, failureOf } from '../contract/failures.ts'
import { shortened } from '../contract/plain-text.ts'
import type { IdentityMapping, IssuerMapping, TokenType } from '../identity/mapping.ts'
import type { IssuerKeySets } from './issuers.ts'

/** The longest access token. Characters. */
const MAX_TOKEN = 16_384

/** A token that an issuer of the mapping signed for us, and that is valid. */
export interface VerifiedToken {
  readonly issuer: IssuerMapping
  readonly claims: JWTPayload
}

const refuse = (code: FailureCode, what: string, cause?: unknown): Error =>
  fail(code, `the access token ${what}`, {}, cause instanceof Error ? cause : undefined)

/**
 * Verifies an access token: of a known issuer, for us, by a listed algorithm and a key that the issuer publishes, of a
 * listed type, and valid now. Nothing in its header leads to a key. Fails with one of the codes `token_…`, or with
 * `issuer_unavailable`. No message holds any part of the token but its algorithm, type, issuer and key id.
 */
export async function verifyToken(
  token: string,
  mapping: IdentityMapping,
  keys: IssuerKeySets,
): Promise<VerifiedToken> {
  const { header, issuer } = readUnverified(token, mapping)
  const { alg, typ } = header
  if (!issuer.algorithms.some((each) => each === alg)) {
    throw refuse('token_algorithm_refused', `is signed by \`${shown(alg)}\`, which its issuer is not to use`)
  }
  if (!issuer.tokenTypes.some((each) => each === typeOf(typ))) {
    throw refuse('token_type_wrong', `is of the type \`${shown(typ)}\``)
  }
  const keyOf = await keys.of(issuer)
  try {
    const { payload } = await jwtVerify(token, keyOf, {
      issuer: issuer.issuer,
      audience: [...issuer.audience],
      algorithms: [...issuer.algorithms],
      clockTolerance: issuer.clockToleranceSeconds,
      maxTokenAge: issuer.maxTokenAgeSeconds,
      requiredClaims: ['exp'],
    })
    // RFC 9449 §7.1, RFC 8705 §3: whoever stole it must not get on by leaving the proof away.
    if (payload['cnf'] !== undefined) throw refuse('token_type_wrong', 'is bound to a key, and came without a proof')
    return { issuer, claims: payload }
  } catch (error) {
    throw refusalOf(error)
  }
}

const shown = (value: unknown): string => (typeof value === 'string' ? shortened(value, 60) : typeof value)

/** RFC 8725 §3.11, RFC 9068 §4: `application/` may stand before it, and case does not matter. */
function typeOf(typ: unknown): TokenType | undefined {
  if (typ === undefined) return 'absent'
  const name = typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : ''
  return name === 'at+jwt' || name === 'jwt' ? name : undefined
}

/** What decides which issuer's keys and rules hold; nothing of it is believed before the signature is verified. */
function readUnverified(token: string, { issuers }: IdentityMapping) {
  if (token.length > MAX_TOKEN) throw refuse('token_malformed', `is longer than ${MAX_TOKEN} characters`)
  if (!/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/.test(token))
    throw refuse('token_malformed', 'is no signed JWT')
  let header: ReturnType<typeof decodeProtectedHeader>
  let iss: unknown
  try {
    header = decodeProtectedHeader(token)
    iss = decodeJwt(token).iss
  } catch (error) {
    throw refuse('token_malformed', 'is no signed JWT', error)
  }
  const issuer = issuers.find((each) => each.issuer === iss)
  if (issuer === undefined) throw refuse('token_issuer_unknown', `is of the issuer \`${shown(iss)}\``)
  return { header, issuer }
}

/** Which failure an error of the verification is; errors that are failures already stay what they are. */
function refusalOf(error: unknown): unknown {
  if (failureOf(error) !== undefined) return error
  if (error instanceof errors.JWTExpired) {
    return error.claim === 'iat'
      ? refuse('token_too_old', 'was issued too long ago', error)
      : refuse('token_expired', 'has expired', error)
  }
  if (error instanceof errors.JWTClaimValidationFailed) return claimRefusal(error)
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
    return refuse('token_key_unknown', 'is signed with a key that its issuer does not publish', error)
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return refuse('token_signature_wrong', 'has a wrong signature', error)
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return refuse('token_algorithm_refused', 'is signed otherwise', error)
  if (error instanceof errors.JOSEError) return refuse('token_malformed', `cannot be read (${error.code})`, error)
  return error
}

function claimRefusal({ claim, reason, message }: errors.JWTClaimValidationFailed): Error {
  if (reason !== 'missing' && claim === 'aud') return refuse('token_audience_wrong', 'is for another audience')
  if (reason === 'check_failed' && (claim === 'nbf' || claim === 'iat')) {
    return refuse('token_not_yet_valid', 'is of the future')
  }
  if (claim === 'aud') return refuse('token_audience_wrong', 'names no audience')
  return refuse('token_malformed', `has no valid claim \`${shown(claim)}\` (${shown(message)})`)
}
