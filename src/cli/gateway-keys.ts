import type { DataConverter, PayloadCodec } from '@temporalio/common'
import { z } from 'zod'
import { gatewayDataKeys } from '../client/data-keys.ts'
import { fail } from '../contract/failures.ts'
import { textOf } from '../contract/text.ts'
import { encryptedDataConverter } from '../privacy/encrypted.ts'
import type { CommonOptions } from './options.ts'
import { type SpeakerOptions, tokenOf } from './speaking.ts'

const WITHIN_MS = 10_000

const health = z.object({ payloads: z.enum(['plain', 'encrypted']).default('plain') })

/**
 * With what a command without master keys reads and writes what is encrypted: keys that the gateway hands to whoever is logged in. It encrypts where the
 * gateway says that payloads are encrypted here; nobody is asked before something is sent, or before something encrypted is read.
 */
export function gatewayDataConverter(
  options: CommonOptions & Partial<SpeakerOptions> & { readonly gateway: string },
  namespace: string,
): DataConverter {
  const { gateway: url, workspace } = options
  const keys = gatewayDataKeys({ url, token: () => tokenOf(options), ...(workspace !== undefined && { workspace }) })
  const converter = encryptedDataConverter(keys, { namespace, showErased: true })
  let isEncrypted: Promise<boolean> | undefined
  return {
    ...converter,
    payloadCodecs:
      converter.payloadCodecs?.map((codec): PayloadCodec => ({
        async encode(payloads, context) {
          if (payloads.length === 0) return payloads
          isEncrypted ??= encryptsAt(url)
          return (await isEncrypted) ? await codec.encode(payloads, context) : payloads
        },
        decode: (payloads, context) => codec.decode(payloads, context),
      })) ?? [],
  }
}

/** Whether payloads are encrypted where a gateway is. Fails with `gateway_unavailable`. */
async function encryptsAt(url: string): Promise<boolean> {
  try {
    const response = await fetch(new URL('/healthz', url), {
      redirect: 'error',
      signal: AbortSignal.timeout(WITHIN_MS),
    })
    return health.parse(await response.json()).payloads === 'encrypted'
  } catch (error) {
    throw fail('gateway_unavailable', `the gateway at ${url} did not answer: ${textOf(error)}`)
  }
}
