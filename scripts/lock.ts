/**
 * Completes package-lock.json after an `npm install` from a registry that serves only this machine's platform: npm then
 * leaves the other platforms' optional packages out, and `npm ci` refuses the lock everywhere as out of sync. They are
 * exact pins of their parents, so their entries can be written without asking anyone; they carry no integrity hash.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const PATH = join(resolve(import.meta.dirname, '..'), 'package-lock.json')
const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32']
const PROCESSORS = ['arm', 'arm64', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64']

interface Entry {
  readonly version?: string
  readonly dev?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
  readonly optional?: boolean
  readonly os?: readonly string[]
}
// Not parsed by a schema: npm's order of the keys is to stay.
const lock: { packages: Record<string, Entry> } = JSON.parse(readFileSync(PATH, 'utf8'))

const locked = new Set(Object.keys(lock.packages).map((path) => path.slice(path.lastIndexOf('node_modules/') + 13)))
const added: string[] = []
for (const { dev, optionalDependencies = {} } of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (locked.has(name)) continue
    const words = name.split(/[-/]/)
    const os = SYSTEMS.find((system) => words.includes(system))
    const cpu = PROCESSORS.find((processor) => words.includes(processor))
    if (os === undefined || cpu === undefined || !/^\d+\.\d+\.\d+/.test(version)) {
      throw new Error(`\`${name}@${version}\` is not locked, and its name does not tell a platform`)
    }
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu: [cpu],
      ...(dev === true && { dev }),
      ...(os === 'linux' && { libc: [name.includes('musl') ? 'musl' : 'glibc'] }),
      optional: true,
      os: [os],
    }
    locked.add(name)
    added.push(name)
  }
}
if (added.length > 0) {
  lock.packages = Object.fromEntries(Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, 'en')))
  writeFileSync(PATH, `${JSON.stringify(lock, null, 2)}\n`)
}
console.log(`${added.length} entries added`)
