import { expect, test } from 'vitest'
import { digestOf } from '../../src/contract/digest.ts'
import { runKeyOf } from '../../src/contract/evidence.ts'
import { codeOf } from '../../src/contract/failures.ts'
import { hostKeyOf, newHostKey, verifierOf } from '../../src/identity/host-key.ts'
import { signSeal, verifySeal } from '../../src/identity/seals.ts'

const key = hostKeyOf(newHostKey())
const runKey = runKeyOf('boxes-1', 'run-1')
const digest = digestOf({ a: 'past' })
const seal = signSeal(key, { runKey, digest })
const known = async (keyId: string) => (keyId === key.keyId ? verifierOf(key.publicKey) : undefined)

test('a seal is worth what it says, of its own run', async () => {
  await expect(verifySeal({ digest, seal: { ...seal } }, runKey, known)).resolves.toBeUndefined()
})

test.each([
  ['no seal', digest, null, runKey],
  ['something else for a seal', digest, 'seal', runKey],
  ['the seal of another run', digest, { ...seal }, runKeyOf('boxes-2', 'run-1')],
  ['the seal of another past', digestOf({ a: 'better past' }), { ...seal }, runKey],
  [
    'a seal that was rewritten',
    digestOf({ a: 'better past' }),
    { ...seal, digest: digestOf({ a: 'better past' }) },
    runKey,
  ],
  ['the seal of an unknown key', digest, { ...signSeal(hostKeyOf(newHostKey()), { runKey, digest }) }, runKey],
  [
    'a seal under another’s key id',
    digest,
    { ...signSeal(hostKeyOf(newHostKey()), { runKey, digest }), keyId: key.keyId },
    runKey,
  ],
] as const)('a past with %s is refused', async (_title, taken, given, run) => {
  const failed: unknown = await verifySeal({ digest: taken, seal: given }, run, known).catch((error: unknown) => error)
  expect(codeOf(failed)).toBe('request_invalid')
})
