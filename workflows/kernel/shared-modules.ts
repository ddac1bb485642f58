/**
 * Loaded last of the modules that the sandbox evaluates once for all runs of a worker, and not again for each: kernel,
 * vocabulary and zod. It adds the contracts of tools, by the names of their files, and keeps all of them usable.
 *
 * The SDK freezes what such a module exports, and all that can be reached from it. That breaks zod: a schema defines
 * its methods when they are first used, and sets `lastIndex` of the patterns in it. A module that is frozen already is
 * left alone (`deepFreeze` in `lib/workflow/reusable-vm.js` of `@temporalio/worker` 1.24), so each is frozen here,
 * without what it exports.
 */
/* oxlint-disable no-underscore-dangle -- the bundler's names */
declare const __webpack_modules__: Readonly<Record<string, unknown>>
declare const __webpack_module_cache__: Readonly<Record<string, object | undefined>>
declare const __webpack_require__: (id: string) => unknown

const CONTRACT_FILE = /(?:^|[/.])contract\.[cm]?[jt]s$/

const ids = Object.keys(__webpack_modules__)
for (const id of ids) if (CONTRACT_FILE.test(id)) __webpack_require__(id)
for (const id of ids) Object.freeze(__webpack_module_cache__[id])
