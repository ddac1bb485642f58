import { DefaultFailureConverter, type PayloadConverter, type ProtoFailure } from '@temporalio/common'
import { hidden } from './hidden-failures.ts'

/** As Temporal's own, but no message and no stack is left in the clear, of causes neither. */
class HidingFailureConverter extends DefaultFailureConverter {
  /** By this it is known: the SDK loads this file itself, and then perhaps another copy. */
  readonly hidesMessages = true

  override errorToFailure(error: unknown, payloadConverter: PayloadConverter): ProtoFailure {
    return hidden(super.errorToFailure(error, payloadConverter))
  }
}

/** Loaded by the SDK, by the path of this file: for workers and clients whose payloads are encrypted. */
export const failureConverter = new HidingFailureConverter()

/** Whether a worker was told to leave no message in the clear. */
export const hidesMessages = (converter: object): boolean => 'hidesMessages' in converter
