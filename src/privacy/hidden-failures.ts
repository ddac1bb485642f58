import { defaultPayloadConverter, type Payload } from '@temporalio/common'
import type { temporal } from '@temporalio/proto'

type Failure = temporal.api.failure.v1.IFailure

/** Marks a payload that is of a failure: where it cannot be encrypted, it is withheld, and the failure is told all the same. */
export const FAILURE_MARK = 'countersign-failure'

const marked = (payload: temporal.api.common.v1.IPayload): Payload => ({
  ...payload,
  metadata: { ...payload.metadata, [FAILURE_MARK]: new Uint8Array([1]) },
})

/** What stands in place of a message, as Temporal's own failure converter has it. */
const HIDDEN = 'Encoded failure'

/**
 * A failure whose message and stack, and those of its causes, stand in a payload that the codec encrypts: the attributes that
 * Temporal's `encodeCommonAttributes` makes, and its clients read. Codes (`type`) stay to be seen.
 */
export function hidden<F extends Failure>(failure: F): F {
  const { message, stackTrace, cause, applicationFailureInfo: info, encodedAttributes } = failure
  // One that is hidden already, as the causes are that the SDK converts on its own.
  if (encodedAttributes?.metadata?.[FAILURE_MARK] !== undefined) return failure
  const attributes = defaultPayloadConverter.toPayload({ message: message ?? '', stack_trace: stackTrace ?? '' })
  const payloads = info?.details?.payloads
  return {
    ...failure,
    message: HIDDEN,
    stackTrace: '',
    encodedAttributes: marked(attributes),
    ...(cause ? { cause: hidden(cause) } : {}),
    ...(info && payloads ? { applicationFailureInfo: { ...info, details: { payloads: payloads.map(marked) } } } : {}),
  }
}

/** A failure with its message and stack where they were, once its payloads are decrypted. */
export function shown<F extends Failure>(failure: F): F {
  const { encodedAttributes, cause } = failure
  const below = cause ? { cause: shown(cause) } : {}
  if (!encodedAttributes) return { ...failure, ...below }
  const { encodedAttributes: _, ...rest } = failure
  return { ...(rest as F), ...below, ...attributesIn(encodedAttributes) }
}

function attributesIn(payload: temporal.api.common.v1.IPayload): Pick<Failure, 'message' | 'stackTrace'> {
  let said: unknown
  try {
    said = defaultPayloadConverter.fromPayload(payload)
  } catch {
    return {}
  }
  if (typeof said !== 'object' || said === null) return {}
  if ('erased' in said) return { message: 'ERASED' }
  const { message, stack_trace: stackTrace } = said as Readonly<Record<string, unknown>>
  return {
    ...(typeof message === 'string' ? { message } : {}),
    ...(typeof stackTrace === 'string' ? { stackTrace } : {}),
  }
}
