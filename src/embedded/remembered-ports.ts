import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

const port = z.int().min(1).max(65_535).optional().catch(undefined)
const portsSchema = z.object({ temporal: port, temporalUi: port, postgres: port })

/** The ports a checkout had last time, so that links into the UI outlive a restart. */
export type RememberedPorts = z.infer<typeof portsSchema>

/** Reads `<stateDir>/ports.json`; empty when absent or unreadable, for ports are only a wish. */
export async function readPorts(stateDir: string): Promise<RememberedPorts> {
  try {
    return portsSchema.parse(JSON.parse(await readFile(join(stateDir, 'ports.json'), 'utf8')))
  } catch {
    // A damaged wish list is no reason not to start.
    return {}
  }
}

/** Writes `<stateDir>/ports.json`. */
export async function rememberPorts(stateDir: string, ports: RememberedPorts): Promise<void> {
  await writeFile(join(stateDir, 'ports.json'), `${JSON.stringify(ports, undefined, 2)}\n`)
}
