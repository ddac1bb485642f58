/** Where copies of bundles are kept, beside the database. What is written stays as it is. */
export interface BlobStore {
  /** Names it; holds no secret. */
  readonly url: string
  /** Writes a blob whole or not at all. `there`: one of this name is there already, whatever it holds; it stays. */
  put(name: string, bytes: Uint8Array): Promise<'written' | 'there'>
  /** `undefined`: there is none of this name. */
  get(name: string): Promise<Uint8Array | undefined>
}

/** A store is away, refuses, or has something else than was put there. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
}

/** What names a store in a wrong way. */
export class StoreUrlError extends Error {
  override readonly name = 'StoreUrlError'
}
