import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Background, inBackground } from '../cli/cli.ts'
import type { WorkerChild } from '../cli/worker-child.ts'
import { until } from '../support/world.ts'

/** The project whose playbooks do what an operator fears. */
export const SHOP = join(import.meta.dirname, 'fixtures', 'shop', 'countersign.config.ts')

const HEALTH = /health and metrics at (http:\/\/[\d.]+:\d+)/

/** Where a worker serves its health; it has to be polling already. */
export function healthOf(worker: Background): string {
  const [, url] = HEALTH.exec(worker.stderr()) ?? []
  if (url === undefined) throw new Error(`the worker serves no health:\n${worker.stderr()}`)
  return url
}

/** An answer of the health server. */
export interface Answered {
  readonly status: number
  readonly text: string
  readonly json: Readonly<Record<string, unknown>>
}

export async function get(url: string): Promise<Answered> {
  const response = await fetch(url)
  const text = await response.text()
  return { status: response.status, text, json: text.startsWith('{') ? JSON.parse(text) : {} }
}

/** The book of the shop: what its tools did, a line each. */
export const bookOf = (folder: string) => ({
  path: join(folder, 'book.log'),
  read: () => readFile(join(folder, 'book.log'), 'utf8').catch(() => ''),
  has(line: string) {
    return until(`\`${line}\` in the book`, async () => ((await this.read()).includes(`${line}\n`) ? true : undefined))
  },
})

/** Another worker of the same version as the child's, on a queue of its own; it polls. */
export async function workerBeside(
  child: WorkerChild,
  taskQueue: string,
  { args = [], cwd, env = {} }: { args?: readonly string[]; cwd: string; env?: Readonly<Record<string, string>> },
): Promise<Background> {
  const own = ['worker', '--development', '--task-queue', taskQueue, '--deployment', child.taskQueue, '--config', SHOP]
  const worker = inBackground([...own, ...args], { env: { ...child.env, ...env }, cwd })
  await worker.says(' of deployment ')
  return worker
}
