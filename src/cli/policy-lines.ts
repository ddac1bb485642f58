import type { PolicyStanding } from '../worker/observer.ts'

/** `refund_request, policy sha256:…`, and the candidate where there is one. */
export const policyLines = (inForce: PolicyStanding['inForce']): readonly string[] =>
  inForce.map(({ workflow, policyDigest, candidateDigest }) => {
    const candidate = candidateDigest === null ? '' : `, candidate ${candidateDigest}`
    return `${workflow}, policy ${policyDigest}${candidate}`
  })
