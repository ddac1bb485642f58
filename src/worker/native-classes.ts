import type { BundleOptions } from '@temporalio/worker'

type ConfigHook = NonNullable<BundleOptions['webpackConfigHook']>

/** As far as it is looked at here. */
interface CompilerRule {
  readonly use?: { readonly options?: { readonly jsc?: object } }
}

/**
 * Leaves private fields and methods to the engine. Temporal's bundler compiles TypeScript for ES2017 (`swc-loader` in
 * `lib/workflow/bundler.js` of `@temporalio/worker` 1.24), where each access to a private field goes through a WeakMap.
 */
export const nativeClasses: ConfigHook = (config) => ({
  ...config,
  module: { ...config.module, rules: config.module?.rules?.map((rule) => modern(rule as CompilerRule)) as never },
})

function modern(rule: CompilerRule): CompilerRule {
  const { use } = rule
  if (use?.options?.jsc === undefined) return rule
  return { ...rule, use: { ...use, options: { ...use.options, jsc: { ...use.options.jsc, target: 'es2022' } } } }
}
