// accepted
import { small } from '../contract/small.ts'

export interface Policy {
  readonly limit: number
}

export const limit = small
