import { bundleWorkflowCode, type WorkflowBundle, type WorkflowBundleWithSourceMap } from '@temporalio/worker'
import { createHash } from 'node:crypto'
import { fail } from '../contract/failures.ts'
import type { PlaybookContract } from '../contract/playbook.ts'
import { KERNEL_VERSION } from '../contract/wire.ts'
import { assertWhole, COMMAND_LOG, gathering, PAYLOAD_CONVERTER, PRELOADED } from './bundle-files.ts'
import { readPlaybooks } from './registry.ts'
import { keptIntrinsics } from './kept-intrinsics.ts'
import { nativeClasses } from './native-classes.ts'
import { withoutPaths } from './without-paths.ts'

/** A workflows file as the worker runs it: bundled for the sandbox, and read for its contracts. */
export interface PlaybookBundle {
  readonly bundle: WorkflowBundle
  readonly playbooks: ReadonlyMap<string, PlaybookContract>
  /**
   * The kernel's version and the first 16 hex digits of the SHA-256 of the bundled code. The same code has the same
   * one on every machine, and in every folder.
   */
  readonly buildId: string
}

/** A bundle with the absolute paths of the files that it was made of. */
export interface FreshBundle extends PlaybookBundle {
  readonly files: ReadonlySet<string>
}

/**
 * Bundles a workflows file, once `readPlaybooks` finds nothing wrong with it. Fails with `contract_incomplete` when the
 * bundle lacks what the guard relies on.
 */
export async function bundlePlaybooks(workflowsPath: string): Promise<FreshBundle> {
  const playbooks = await readPlaybooks(workflowsPath)
  const files = new Set<string>()
  const bundle = await bundled(workflowsPath, [], files)
  assertWhole(files)
  return { bundle, playbooks, buildId: buildIdOf(bundle.code), files }
}

/** Bundles a workflows file for `replayHistory`: its code tells what it sends. */
export const bundleForReplay = (workflowsPath: string): Promise<WorkflowBundleWithSourceMap> =>
  bundled(workflowsPath, [COMMAND_LOG])

const quiet = (): void => {}

/** Fails with `contract_incomplete` and with what the bundler complained of. */
async function bundled(
  workflowsPath: string,
  workflowInterceptorModules: string[],
  files = new Set<string>(),
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
      webpackConfigHook: (config) =>
        keptIntrinsics(nativeClasses(gathering(files)(withoutPaths(workflowsPath)(config)))),
    })
  } catch (cause) {
    const why = [String(cause), ...complaints].join('\n').slice(0, 4_000)
    throw fail('contract_incomplete', `the workflows file \`${workflowsPath}\` cannot be bundled: ${why}`)
  }
}

/** The last line of a bundle, and nothing that follows one. */
const SOURCE_MAP = /\n\/\/# sourceMappingURL=[\w;:,=+/.-]*\s*$/

/** Of the bundled code, without the source map at its end, which is the one part that holds paths. */
export function buildIdOf(code: string): string {
  const bare = code.replace(SOURCE_MAP, '')
  return `${KERNEL_VERSION}-${createHash('sha256').update(bare).digest('hex').slice(0, 16)}`
}
