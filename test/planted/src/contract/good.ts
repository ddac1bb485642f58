// accepted
import { sha256 } from '@noble/hashes/sha2.js'
import { ApplicationFailure } from '@temporalio/common'
import canonicalize from 'canonicalize'
import { z } from 'zod'
import { deep } from './deep/good.ts'

const amount = z.int()

export function cents(value: unknown): number {
  const parsed = amount.safeParse(value)
  if (!parsed.success) throw ApplicationFailure.nonRetryable('bad amount', 'bad_amount')
  return parsed.data + deep
}

export const digest = (value: unknown): Uint8Array => sha256(new TextEncoder().encode(canonicalize(value)))
