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
      plugins: [...(config.plugins ?? []), naming((path) => nameOf(path, context))],
    }
  }

/** `zod/v4/core/util.js`, `../src/contract/text.ts`. */
function nameOf(path: string, context: string): string {
  const parts = path.split(sep)
  const packages = parts.indexOf('node_modules')
  return packages === -1 ? relative(context, path).split(sep).join('/') : parts.slice(packages + 1).join('/')
}

/**
 * Names every module by its file, and the one that is none: the failure converter that there is not, which the bundler
 * would name by its path. What would share a name with another (two copies of a package), the bundler names itself.
 */
const naming = (nameIt: (path: string) => string): Plugin => ({
  apply(compiler) {
    compiler.hooks.compilation.tap('countersign', (compilation) => {
      compilation.hooks.moduleIds.tap('countersign', (modules) => {
        const named = [...modules].map((module) => {
          const path = module.nameForCondition()
          return { module, name: path === null ? 'ignored' : nameIt(path) }
        })
        for (const [name, [first, ...others]] of Map.groupBy(named, (one) => one.name)) {
          if (first !== undefined && others.length === 0) compilation.chunkGraph.setModuleId(first.module, name)
        }
      })
    })
  },
})
