import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createContext, Script } from 'node:vm'
import { AsyncLocalStorage } from 'node:async_hooks'
import type { WorkflowBundle } from '@temporalio/worker'
import type { PlaybookContract } from '../contract/playbook.ts'
import { REPLAY_SINK } from '../contract/replay.ts'
import { buildIdOf } from './bundle.ts'
import { BUNDLE_CODE, BundleError } from './prebuilt.ts'
import { playbooksOf } from './registry.ts'

/** The code that once ran, wherever it was built: to replay with, and to decide with. */
export interface CodeOfThen {
  /** Of the code itself, whatever stands beside it. */
  readonly buildId: string
  /** Tells what it sends, for `replayHistory`. */
  readonly workflowBundle: WorkflowBundle
  readonly playbooks: ReadonlyMap<string, PlaybookContract>
}

/** What the bundler of Temporal's SDK writes where there are no interceptors. */
const WITHOUT_INTERCEPTORS = /(exports\.importInterceptors = function importInterceptors\(\) \{\s*return \[)\s*(\];)/

/** As `workflows/kernel/command-log` does, in a bundle that was built without it. */
const COMMAND_LOG = `{
  interceptors: () => {
    const { proxySinks } = __webpack_require__("@temporalio/workflow/lib/index.js");
    const sink = proxySinks().${REPLAY_SINK};
    return { internals: [{ concludeActivation(input, next) { const output = next(input); sink.sent(output.commands); return output; } }] };
  }
}`

/**
 * Reads the code in a folder that `countersign build` wrote, of whatever time: no file of the project need be as it was. The build id is computed from
 * the code, so it is that which a run names or it is not. The code is evaluated to read its contracts: it has to be trusted as much as a
 * worker would trust it. Throws `BundleError`.
 */
export async function codeOfThen(folder: string): Promise<CodeOfThen> {
  const path = join(folder, BUNDLE_CODE)
  const code = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new BundleError(`\`${path}\` cannot be read: ${error.code ?? error.message}.`)
  })
  const listening = code.replace(
    WITHOUT_INTERCEPTORS,
    (_, before: string, after: string) => before + COMMAND_LOG + after,
  )
  if (listening === code) throw new BundleError(`\`${path}\` is no bundle of \`countersign build\`.`)
  return { buildId: buildIdOf(code), workflowBundle: { code: listening }, playbooks: contractsIn(code, path) }
}

function contractsIn(code: string, path: string): ReadonlyMap<string, PlaybookContract> {
  const context = createContext({
    AsyncLocalStorage,
    TextEncoder,
    TextDecoder,
    URL,
    URLSearchParams,
    AbortController,
    __webpack_module_cache__: {},
  })
  context['globalThis'] = context
  try {
    new Script(code, { filename: path }).runInContext(context)
    const { importWorkflows } = context['__TEMPORAL__'] as { importWorkflows: () => Record<string, unknown> }
    return playbooksOf(importWorkflows())
  } catch (error) {
    throw new BundleError(`\`${path}\` cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}
