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

/**
 * Names every module that is a file. What is none, and what would share a name with another (two copies of a package),
 * the bundler names itself.
 */
const named = (nameIt: (path: string) => string): Plugin => ({
  apply(compiler) {
    compiler.hooks.compilation.tap('countersign', (compilation) => {
      compilation.hooks.moduleIds.tap('countersign', (modules) => {
        const files = [...modules].flatMap((module) => {
          const path = module.nameForCondition()
          return path === null ? [] : [{ module, name: nameIt(path) }]
        })
        for (const [name, [first, ...others]] of Map.groupBy(files, (file) => file.name)) {
          if (first !== undefined && others.length === 0) compilation.chunkGraph.setModuleId(first.module, name)
        }
      })
    })
  },
})
