/**
 * The walls between the rooms, as an oxlint rule: which room may import which, and which packages (docs/architecture.md).
 * A specifier is resolved to a file of the project first, so that neither depth nor `..` gets round a wall, and
 * whatever the table does not allow is refused: a new room under `src/` imports nothing until it has a row here.
 */
import { builtinModules } from 'node:module'
import { dirname, join, relative, resolve, sep } from 'node:path'
import type { Node, Rule } from './rule.ts'

interface Room {
  /** Files of the room: a file, a folder with all below it (`/**`); `*` is one segment. The first room that matches is it. */
  readonly files: string
  /** Patterns like `files`: what it may import besides the files of its own folder. */
  readonly imports: readonly string[]
  /** What it may import as types only: erased, so that nothing runs and nothing is loaded. */
  readonly types?: readonly string[]
  /** Packages and `node:` modules: the list, or `any` on the host's side, less what belongs to the sandbox. */
  readonly packages: readonly string[] | 'any'
}

const CONTRACTS = 'activities/*/contract.ts'
const POLICY = ['src/policy/**']
const PURE_POLICY = ['src/policy/decide/**', 'src/policy/types.ts']
const HOST = ['src/ledger/**', 'src/identity/**', 'src/privacy/**', 'src/audit/**', 'src/notify/**']

const ROOMS: readonly Room[] = [
  {
    files: 'src/contract/**',
    imports: [],
    packages: ['zod', 'canonicalize', '@noble/hashes', '@temporalio/common'],
  },
  { files: 'src/policy/decide/**', imports: ['src/contract/**', ...PURE_POLICY], packages: ['zod'] },
  { files: 'src/policy/types.ts', imports: ['src/contract/**', ...PURE_POLICY], packages: ['zod'] },
  { files: 'src/policy/**', imports: ['src/contract/**'], packages: 'any' },

  {
    files: 'workflows/kernel/**',
    imports: ['src/contract/**', ...PURE_POLICY],
    packages: ['@temporalio/workflow', 'zod'],
  },
  {
    files: 'workflows/**',
    imports: ['src/contract/**', 'workflows/kernel/**', CONTRACTS],
    packages: ['@temporalio/workflow', 'zod'],
  },

  { files: CONTRACTS, imports: ['src/contract/**', CONTRACTS], packages: ['zod'] },
  { files: 'src/tools/**', imports: ['src/contract/**'], packages: 'any' },
  { files: 'activities/**', imports: ['src/contract/**', 'src/tools/**', ...POLICY, ...HOST], packages: 'any' },

  // Side by side, and they may use one another: `import/no-cycle` keeps them in an order.
  ...HOST.map((files): Room => ({ files, imports: ['src/contract/**', ...POLICY, ...HOST], packages: 'any' })),
  {
    files: 'src/worker/**',
    imports: ['src/contract/**', 'src/tools/**', ...POLICY, ...HOST, 'activities/**'],
    types: ['workflows/**'],
    packages: 'any',
  },
  {
    files: 'src/client/**',
    imports: ['src/contract/**', ...POLICY, 'src/identity/**', 'src/privacy/**', 'src/audit/**', CONTRACTS],
    types: ['workflows/**'],
    packages: 'any',
  },
  {
    files: 'src/gateway/**',
    imports: ['src/contract/**', 'src/ledger/**', 'src/identity/**', 'src/privacy/**'],
    packages: 'any',
  },
  { files: 'src/embedded/**', imports: ['src/contract/**'], packages: 'any' },
  {
    files: 'src/cli/**',
    imports: ['src/**', 'activities/**', 'package.json'],
    types: ['workflows/**'],
    packages: 'any',
  },
  { files: 'src/index.ts', imports: ['src/contract/**', 'src/policy/types.ts', CONTRACTS], packages: [] },
]

/** Stands on `proxyActivities` and the like, which throw outside the sandbox. */
const SANDBOX_ONLY = ['@temporalio/workflow']
const BUILTIN = new Set(builtinModules)
const ROOT = resolve(import.meta.dirname, '..', '..')

const matches = (path: string, pattern: string): boolean => {
  const wanted = pattern.split('/')
  const found = path.split('/')
  const below = wanted.at(-1) === '**'
  if (below) wanted.pop()
  if (below ? found.length <= wanted.length : found.length !== wanted.length) return false
  return wanted.every((segment, at) => segment === '*' || segment === found[at])
}

const projectPath = (file: string): string => relative(ROOT, file).split(sep).join('/')

/** Why this file may not import that, or `undefined` when it may. `specifier` is `undefined` when it is computed. */
function refusal(file: string, specifier: string | undefined, typesOnly: boolean): string | undefined {
  const path = projectPath(file)
  if (!/^(src|workflows|activities)\//.test(path)) return undefined
  const room = ROOMS.find(({ files }) => matches(path, files))
  if (room === undefined) return `\`${path}\` is in no room; give it one in scripts/lint/rooms.ts`

  if (specifier === undefined) {
    return room.packages === 'any' ? undefined : `\`${room.files}\` may not import what is computed at run time`
  }
  if (specifier.startsWith('.')) {
    const target = projectPath(join(dirname(file), specifier))
    const own = room.files.endsWith('/**') ? [room.files] : []
    const allowed = [...own, ...room.imports, ...(typesOnly ? (room.types ?? []) : [])]
    if (allowed.some((pattern) => matches(target, pattern))) return undefined
    return `\`${room.files}\` may not import \`${target}\`; it may import ${room.imports.join(', ') || 'its own files only'}`
  }
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  if (BUILTIN.has(specifier)) return `write \`node:${specifier}\`` // so that one glance tells what is built in
  if (room.packages === 'any') {
    return SANDBOX_ONLY.includes(name) ? `\`${name}\` works in workflows/ only` : undefined
  }
  if (room.packages.includes(name)) return undefined
  return `\`${room.files}\` may not import \`${specifier}\`; it may import ${room.packages.join(', ') || 'no package'}`
}

const isTypeOnly = (node: Node): boolean =>
  node.type === 'TSImportType' ||
  node.importKind === 'type' ||
  node.exportKind === 'type' ||
  (node.specifiers !== undefined &&
    node.specifiers.length > 0 &&
    node.specifiers.every((each) => each.importKind === 'type' || each.exportKind === 'type'))

export const rooms: Rule = {
  meta: { type: 'problem' },
  create(context) {
    const check = (node: Node): void => {
      if (node.source === null || node.source === undefined) return
      const { value } = node.source
      const message = refusal(context.filename, typeof value === 'string' ? value : undefined, isTypeOnly(node))
      if (message !== undefined) context.report({ node, message })
    }
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
      TSImportType: check,
    }
  },
}
