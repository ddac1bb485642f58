import type { BundleOptions } from '@temporalio/worker'
import { dirname, relative, sep } from 'node:path'

type ConfigHook = NonNullable<BundleOptions['webpackConfigHook']>
type Plugin = NonNullable<ReturnType<ConfigHook>['plugins']>[number]

/**
 * Makes a bundle whose code, but for the source map, is the same wherever it lies and from wherever it is bundled:
 * modules are named by their place in the project, or in the packages, and not on the machine.
 */
export const withoutPaths =
  (workflowsPath: string): ConfigHook =>
  (config) => {
    const context = dirname(workflowsPath)
    return {
      ...config,
      context,
      output: { ...config.output, pathinfo: false },
      plugins: [...(config.plugins ?? []), named((path) => nameOf(path, context))],
    }
  }

/** `zod/v4/core/util.js`, `../src/contract/text.ts`. */
function nameOf(path: string, context: string): string {
  const parts = path.split(sep)
  const packages = parts.indexOf('node_modules')
  return packages === -1 ? relative(context, path).split(sep).join('/') : parts.slice(packages + 1).join('/')
}

/** Names every module that is a file; what is none, the bundler names itself. */
const named = (nameIt: (path: string) => string): Plugin => ({
  apply(compiler) {
    compiler.hooks.compilation.tap('countersign', (compilation) => {
      compilation.hooks.moduleIds.tap('countersign', (modules) => {
        for (const module of modules) {
          const path = module.nameForCondition()
          if (path !== null) compilation.chunkGraph.setModuleId(module, nameIt(path))
        }
      })
    })
  },
})
