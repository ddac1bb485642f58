const BULK = Symbol.for('countersign.bulk')

/**
 * A value that is too large for a history: the worker keeps its payload in the blob store, under the digest that stands
 * in the history in its place, and whoever reads it gets the value back. Clients without that store cannot read one, so
 * nothing that they are answered with is made one.
 */
export class Bulk {
  readonly value: unknown
  /** By this it is known: the SDK loads the converter itself, and then perhaps another copy of this class. */
  readonly [BULK] = true

  constructor(value: unknown) {
    this.value = value
  }
}

export const isBulk = (value: unknown): value is Bulk => typeof value === 'object' && value !== null && BULK in value

/** Marks the payload of a `Bulk` on its way from the converter to the codec. A metadata key. */
export const BULK_MARK = 'countersign-bulk'
/** The encoding of what stands in the history in its place: the digest of the payload, signed by a host, as JSON. */
export const BULK_ENCODING = 'binary/countersign-bulk'
