import { explain } from '../errors.ts'

/** What a check found: `warn` is a thing to know of, with `FAIL` runs do not get through, or prove less than they say. */
export interface Finding {
  readonly state: 'ok' | 'warn' | 'FAIL'
  readonly name: string
  readonly what: string
  /** What to do about it; there is one where it is not `ok`. */
  readonly todo?: string
}

export const ok = (name: string, what: string): Finding => ({ state: 'ok', name, what })
export const warn = (name: string, what: string, todo: string): Finding => ({ state: 'warn', name, what, todo })
export const failed = (name: string, what: string, todo: string): Finding => ({ state: 'FAIL', name, what, todo })

/** What a check finds; what it throws is what it found. */
export async function looked(
  name: string,
  look: () => Promise<Finding | readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    const found = await look()
    return 'state' in found ? [found] : found
  } catch (error) {
    const { message, help } = explain(error)
    return [failed(name, message, help)]
  }
}
