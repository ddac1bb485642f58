/** What it costs to verify who says something: the signature alone, a message with the ledger, and an approval of a warrant. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import { digestOfText } from '../src/contract/digest.ts'
import { developmentIssuer, verifyUse } from '../src/identity/statements.ts'
import { storeIssuerKey } from '../src/ledger/issuer-keys.ts'
import { Witness } from '../src/worker/witness.ts'
import { startServers } from './servers.ts'

const TIMES = 2_000
const runKey = 'bench/run-1' as const
const about = {
  kind: 'decide',
  runKey,
  step: 'billing.refund-1',
  actionDigest: digestOfText('action'),
  decision: 'approve',
  commentDigest: digestOfText(''),
} as const
const who = { subject: 'dana', kind: 'user', groups: ['*'], scopes: ['*'], workspace: 'bench' } as const

async function microseconds(work: () => Promise<unknown>): Promise<number> {
  for (let time = 0; time < 100; time++) await work()
  const began = process.hrtime.bigint()
  for (let time = 0; time < TIMES; time++) await work()
  return Number(process.hrtime.bigint() - began) / TIMES / 1000
}

const dir = mkdtempSync(join(tmpdir(), 'countersign-bench-'))
const servers = await startServers(1)
try {
  const issuer = developmentIssuer(dir)
  const key = await storeIssuerKey(servers.db, issuer.published)
  const witness = new Witness(servers.db, issuer)
  const use = { about, workspace: 'bench' }
  const sign = () => issuer.signDevelopment(about, who)
  const kept = sign()
  const hear = (statement: ReturnType<typeof sign>) =>
    witness.hear(
      { runKey, workspace: 'bench', about, statement: { ...statement } as never, by: null },
      undefined,
      undefined,
    )
  await new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(async () => {
    await hear(kept)
    const rows = [
      ['sign', await microseconds(async () => sign())],
      ['verify', await microseconds(() => verifyUse(kept, use, { keyOf: async () => key, development: true }))],
      ['hear a message: verify, standing, use once', await microseconds(() => hear(sign()))],
      [
        'an approval of a warrant: heard, verify, standing',
        await microseconds(async () => await witness.heard(kept, use, runKey)),
      ],
    ] as const
    console.log(`${TIMES} times each, one after the other, on PostgreSQL\n`)
    for (const [what, each] of rows) console.log(`${what.padEnd(52)} ${each.toFixed(0).padStart(6)} µs`)
  })
} finally {
  await servers.stop()
  rmSync(dir, { recursive: true, force: true })
}
process.exit(0)
