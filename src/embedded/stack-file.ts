import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { isListening } from './ports.ts'
import { commandOf, isAlive } from './processes.ts'
import { StackError } from './stack-error.ts'

/** The servers that the stack started itself; those that the environment names have no entry. */
const serversSchema = z.object({
  temporalPid: z.int().optional(),
  temporalPort: z.int().optional(),
  postgresPid: z.int().optional(),
  postgresPort: z.int().optional(),
})

const stackSchema = z.object({
  temporalAddress: z.string(),
  namespace: z.string(),
  uiUrl: z.string().optional(),
  databaseUrl: z.string(),
  pid: z.int(),
  startedAt: z.string(),
  servers: serversSchema,
})

/**
 * What `<stateDir>/stack.json` says of a running stack (mode 0600: `databaseUrl` holds a password). `uiUrl` is absent
 * without a UI of our own, `pid` is the process that owns the stack, `startedAt` is ISO 8601 UTC.
 */
export type StackInfo = z.infer<typeof stackSchema>

/** Writes the description in one rename, so that a reader never sees half of it. */
export async function writeStackFile(stateDir: string, stack: StackInfo): Promise<void> {
  const path = fileIn(stateDir)
  const draft = `${path}.${process.pid}`
  await rm(draft, { force: true })
  await writeFile(draft, `${JSON.stringify(stack, undefined, 2)}\n`, { mode: 0o600 })
  await rename(draft, path)
}

/** Removes the description; nothing happens when there is none. */
export async function removeStackFile(stateDir: string): Promise<void> {
  await rm(fileIn(stateDir), { force: true })
}

/**
 * The stack that runs in this state directory. Undefined when there is none: no file, one that cannot be read as a
 * stack, a dead owner, or an owner's id that is in use again (after a reboot, in a restarted container) while none of
 * the servers listens. Never fails.
 */
export async function runningStack(stateDir: string): Promise<StackInfo | undefined> {
  const stack = await readStackFile(stateDir)
  if (stack === undefined || !isAlive(stack.pid)) return undefined
  const ports = [stack.servers.temporalPort, stack.servers.postgresPort]
  const own = ports.filter((port) => port !== undefined)
  if (own.length === 0) return stack
  const answers = await Promise.all(own.map((port) => isListening(port)))
  return answers.includes(true) ? stack : undefined
}

/**
 * The dev server of a stack whose owner was killed together with its watchdog (or on Windows, which has none) may
 * still write to the SQLite file, so a second one must not. Fails with `stack_running`, naming the process. An
 * orphaned PostgreSQL is found by its own lock file.
 */
export async function refuseOrphans(stateDir: string): Promise<void> {
  const pid = (await readStackFile(stateDir))?.servers.temporalPid
  if (pid === undefined || !isAlive(pid)) return
  const command = await commandOf(pid)
  if (command === undefined || !command.includes('start-dev')) return
  throw new StackError(
    'stack_running',
    `The Temporal dev server of an earlier stack in \`${stateDir}\` still runs as process ${pid}.`,
    `End process ${pid} with SIGTERM and start again.`,
  )
}

async function readStackFile(stateDir: string): Promise<StackInfo | undefined> {
  try {
    const parsed = stackSchema.safeParse(JSON.parse(await readFile(fileIn(stateDir), 'utf8')))
    return parsed.success ? parsed.data : undefined
  } catch {
    // Absent, or half of a file that another tool wrote: there is no stack to speak of.
    return undefined
  }
}

function fileIn(stateDir: string): string {
  return join(stateDir, 'stack.json')
}
