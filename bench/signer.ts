import { spawn } from 'node:child_process'
import type { KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { newHostKey } from '../src/identity/host-key.ts'
import { sealKeyFrom } from '../src/audit/seal/keys.ts'
import type { Signer } from '../src/audit/seal/signer.ts'
import { signerAt } from '../src/audit/seal/signer-http.ts'

const MAIN = join(import.meta.dirname, '..', 'src', 'cli', 'main.ts')
const MOST_WAITS = 300

/** A signer as it is in production: a process of its own, which has the key. */
export interface SignerProcess {
  readonly pid: number
  readonly publicKey: KeyObject
  readonly signer: Signer
  stop(): Promise<void>
}

export async function startSigner(folder: string): Promise<SignerProcess> {
  const [file, socket, state] = ['seal-key.pem', 'signer.sock', 'signer.state'].map((name) => join(folder, name))
  if (file === undefined || socket === undefined || state === undefined) throw new Error('there is no folder')
  const pem = newHostKey()
  writeFileSync(file, pem, { mode: 0o600 })
  const args = ['--origin', 'bench.example/log', '--state', state, '--key-file', file, '--socket', socket]
  const child = spawn(process.execPath, [MAIN, 'audit', 'signer', ...args], { stdio: 'ignore' })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  for (let waits = 0; ; waits += 1) {
    const signer = await signerAt({ url: `unix:${socket}` }).catch(() => undefined)
    if (signer !== undefined) {
      return {
        pid: child.pid ?? 0,
        publicKey: sealKeyFrom(pem).publicKey,
        signer,
        async stop() {
          await signer.close()
          child.kill('SIGTERM')
          await ended
        },
      }
    }
    if (waits === MOST_WAITS) throw new Error('the signer did not start')
    await sleep(100)
  }
}
