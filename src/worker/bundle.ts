import { bundleWorkflowCode, type WorkflowBundleWithSourceMap } from '@temporalio/worker'
import { createHash } from 'node:crypto'
import { extname, join } from 'node:path'
import { fail } from '../contract/failures.ts'
import type { PlaybookContract } from '../contract/playbook.ts'
import { KERNEL_VERSION } from '../contract/wire.ts'
import { readPlaybooks } from './registry.ts'
import { withoutPaths } from './without-paths.ts'

/** A workflows file as the worker runs it: bundled for the sandbox, and read for its contracts. */
export interface PlaybookBundle {
  readonly bundle: WorkflowBundleWithSourceMap
  readonly playbooks: ReadonlyMap<string, PlaybookContract>
  /**
   * The kernel's version and the first 16 hex digits of the SHA-256 of the bundled code. The same code has the same
   * one on every machine, and in every folder.
   */
  readonly buildId: string
}

/** Bundles a workflows file, once `readPlaybooks` finds nothing wrong with it. */
export async function bundlePlaybooks(workflowsPath: string): Promise<PlaybookBundle> {
  const playbooks = await readPlaybooks(workflowsPath)
  const bundle = await bundled(workflowsPath)
  return { bundle, playbooks, buildId: buildIdOf(bundle.code) }
}

const root = join(import.meta.dirname, '..', '..')
const ours = (...path: readonly string[]): string => `${join(root, ...path)}${extname(import.meta.filename)}`

/** Absolute path of the module, as Temporal wants it; the worker and its bundle use the same. */
export const PAYLOAD_CONVERTER = ours('workflows', 'kernel', 'payload-converter')

/** What is evaluated once a worker, and not again for every run: it is stateless. The last one adds the contracts of tools. */
const PRELOADED = [
  ours('workflows', 'kernel', 'index'),
  ours('src', 'index'),
  ours('workflows', 'kernel', 'shared-modules'),
]

/** Bundles a workflows file for `replayHistory`: its code tells what it sends. */
export const bundleForReplay = (workflowsPath: string): Promise<WorkflowBundleWithSourceMap> =>
  bundled(workflowsPath, [ours('workflows', 'kernel', 'command-log')])

const quiet = (): void => {}

/** Fails with `contract_incomplete` and with what the bundler complained of. */
async function bundled(
  workflowsPath: string,
  workflowInterceptorModules: string[] = [],
): Promise<WorkflowBundleWithSourceMap> {
  const complaints: string[] = []
  const error = (message: string): void => void complaints.push(message)
  const logger = { log: quiet, trace: quiet, debug: quiet, info: quiet, warn: quiet, error }
  try {
    return await bundleWorkflowCode({
      workflowsPath,
      logger,
      workflowInterceptorModules,
      payloadConverterPath: PAYLOAD_CONVERTER,
      preloadModules: PRELOADED,
      webpackConfigHook: withoutPaths(workflowsPath),
    })
  } catch (cause) {
    const why = [String(cause), ...complaints].join('\n').slice(0, 4_000)
    throw fail('contract_incomplete', `the workflows file \`${workflowsPath}\` cannot be bundled: ${why}`)
  }
}

/** The source map at the end of the code is the one part that holds paths. */
function buildIdOf(code: string): string {
  const bare = code.replace(/\n\/\/# sourceMappingURL=.*$/s, '')
  return `${KERNEL_VERSION}-${createHash('sha256').update(bare).digest('hex').slice(0, 16)}`
}
