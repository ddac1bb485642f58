import { bundleWorkflowCode, type WorkflowBundleWithSourceMap } from '@temporalio/worker'
import { createHash } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import { fail } from '../contract/failures.ts'
import type { PlaybookContract } from '../contract/playbook.ts'
import { playbooksOf } from './registry.ts'

/** A workflows file as the worker runs it: bundled for the sandbox, and read for its contracts. */
export interface PlaybookBundle {
  readonly bundle: WorkflowBundleWithSourceMap
  readonly playbooks: ReadonlyMap<string, PlaybookContract>
  /** The first 16 hex digits of the SHA-256 of the bundled code. */
  readonly buildId: string
}

/**
 * Reads the contracts of the playbooks that a workflows file exports, by workflow type. Fails with
 * `contract_incomplete`, naming the hole.
 */
export async function readPlaybooks(workflowsPath: string): Promise<PlaybookBundle['playbooks']> {
  let exports: Record<string, unknown>
  try {
    exports = (await import(pathToFileURL(workflowsPath).href)) as Record<string, unknown>
  } catch (error) {
    throw fail('contract_incomplete', `the workflows file \`${workflowsPath}\` cannot be loaded: ${String(error)}`)
  }
  return playbooksOf(exports)
}

/** Bundles a workflows file, once `readPlaybooks` finds nothing wrong with it. */
export async function bundlePlaybooks(workflowsPath: string): Promise<PlaybookBundle> {
  const playbooks = await readPlaybooks(workflowsPath)
  const bundle = await bundleWorkflowCode({ workflowsPath, logger: silent })
  return { bundle, playbooks, buildId: buildIdOf(bundle.code) }
}

/** The source map at the end of the code holds paths of the machine that bundled it; they are no part of it. */
const buildIdOf = (code: string): string =>
  createHash('sha256')
    .update(code.replace(/\n\/\/# sourceMappingURL=.*$/s, ''))
    .digest('hex')
    .slice(0, 16)

const quiet = (): void => {}
const silent = { log: quiet, trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet }
