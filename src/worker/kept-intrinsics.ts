import type { BundleOptions } from '@temporalio/worker'

type ConfigHook = NonNullable<BundleOptions['webpackConfigHook']>
type Plugin = NonNullable<ReturnType<ConfigHook>['plugins']>[number]

/**
 * What the language itself defines and no run replaces: not `Date`, `WeakRef`, `FinalizationRegistry` and timers, which
 * the SDK gives each run anew (`lib/global-overrides.js` of `@temporalio/workflow` 1.24).
 */
const INTRINSICS =
  'Array, ArrayBuffer, BigInt, Boolean, DataView, Error, JSON, Map, Math, Number, Object, Promise, RangeError, Reflect, RegExp, ' +
  'Set, String, Symbol, SyntaxError, TypeError, Uint8Array, WeakMap, WeakSet'

const HEAD = '(() => { // webpackBootstrap'

/**
 * Looks the globals of the language up once a bundle. In the sandbox each look-up of a global goes through native code,
 * so that deciding took several times as long there as in Node.
 */
export const keptIntrinsics: ConfigHook = (config) => ({ ...config, plugins: [...(config.plugins ?? []), plugin] })

const plugin: Plugin = {
  apply(compiler) {
    const { Compilation, sources } = compiler.webpack
    compiler.hooks.compilation.tap('countersign', (compilation) => {
      const at = { name: 'countersign', stage: Compilation.PROCESS_ASSETS_STAGE_ADDITIONS }
      compilation.hooks.processAssets.tap(at, (assets) => {
        for (const [name, source] of Object.entries(assets)) {
          const head = source.source().toString().indexOf(HEAD)
          if (head === -1) throw new Error(`\`${name}\` does not begin as webpack lets a bundle begin`)
          const replaced = new sources.ReplaceSource(source)
          replaced.insert(head + HEAD.length, `\nconst { ${INTRINSICS} } = globalThis;`)
          compilation.updateAsset(name, replaced)
        }
      })
    })
  },
}
