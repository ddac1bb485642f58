import type { Digest } from '../../contract/digest.ts'
import type { JsonObject } from '../../contract/json.ts'
import { fieldsOf, textIn } from '../fields.ts'
import { receiptFlaw } from '../receipt-flaw.ts'
import { CAME_TO, type Outcome } from './activities.ts'
import { type Event, type Execution, type Found, type Known, line, refs, timeOf } from './execution.ts'
import { held, type Read, veiledSays } from './payloads.ts'
import type { Proof } from './types.ts'

/** What vouches for the result of a step. */
export interface Attested {
  readonly proof: Proof
  readonly by: string | null
  readonly says: JsonObject
}

/** Whether a host signed what a step came to, as a published key tells. */
export async function attested(
  { answer, identity }: Pick<Outcome, 'answer' | 'identity'>,
  of: { readonly step: string; readonly tool: string; readonly inputDigest: Digest | null },
  { runKey, hosts }: Known,
): Promise<Attested> {
  if (answer.veil !== null) return { proof: answer.veil, by: null, says: veiledSays(answer) }
  const { receipt } = fieldsOf(answer.json)
  const { keyId, signature, at, outputDigest, kind, reference, by, scopes } = fieldsOf(receipt)
  const flaw = await receiptFlaw(answer.exact, { runKey, ...of }, hosts)
  const host = `host ${line(textIn(keyId), 64)}`
  return {
    proof: flaw === undefined ? 'signed' : 'claimed',
    by: flaw === undefined ? host : identity === '' ? null : identity,
    says: {
      output: held(fieldsOf(answer.json)['output']),
      ...(receipt === undefined
        ? {}
        : {
            outputDigest: outputDigest ?? null,
            receipt: {
              keyId: keyId ?? null,
              signature: signature ?? null,
              at: at ?? null,
              kind: kind ?? null,
              reference: reference ?? null,
            },
            for: by ?? null,
            scopes: scopes ?? null,
          }),
      ...(flaw === undefined ? {} : { flaw }),
    },
  }
}

/** What came of a step, in one sentence. */
export function cameSentence({ state, failure, answer }: Outcome, { proof, says }: Attested, what: string): string {
  if (state !== 'done') {
    const why = failure === null ? '' : `: ${line(textIn(failure['message']))}`
    return `${what} ${CAME_TO[state]}${why}.`
  }
  if (answer.veil !== null) return veiledSentence(answer, `What ${what} came to`) ?? ''
  const { reference } = fieldsOf(says['receipt'])
  const as = typeof reference === 'string' && reference !== '' ? `: ${line(reference)}` : ''
  return proof === 'signed'
    ? `${what} was done${as}; a host signed that.`
    : `It is claimed that ${what} was done${as}, and no host signed that: ${line(textIn(says['flaw']))}.`
}

/** What is said of something that cannot be read; `undefined`: it can. */
export const veiledSentence = ({ veil }: Pick<Read, 'veil'>, what: string): string | undefined =>
  veil === null ? undefined : `${what} ${veil === 'erased' ? 'was erased' : 'is sealed'}.`

/** A step that met what somebody stopped. */
export function stopsIn(
  execution: Execution,
  event: Event | undefined,
  step: string | null,
  failure: JsonObject | null,
): readonly Found[] {
  if (event === undefined || failure?.['code'] !== 'stopped') return []
  const { by, reason, scope, name } = fieldsOf(failure['stop'])
  return [
    {
      kind: 'stop',
      at: timeOf(event),
      step: step === '' ? null : step,
      events: refs(execution, event),
      proof: 'claimed',
      by: textIn(by) || null,
      says: { stop: failure['stop'] ?? null, message: failure['message'] ?? '' },
      text: `${line(textIn(scope)) || 'Something'} \`${line(textIn(name))}\` was stopped by ${line(textIn(by)) || 'somebody'}: ${line(textIn(reason))}.`,
    },
  ]
}
