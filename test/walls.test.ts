import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, readdir, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'

/*
 * Each file under test/planted/ says on its first line which rule must reject it, or that it is accepted. The lint's
 * globs are relative to its configuration, so the planted tree is copied into a tree of its own with the real
 * configuration at its root; there `test/planted/src/contract/uses-date.ts` is `src/contract/uses-date.ts`.
 */
const ROOT = resolve(import.meta.dirname, '..')
const PLANTED = join(ROOT, 'test/planted')
const run = promisify(execFile)

const report = z.object({
  diagnostics: z.array(z.object({ code: z.string(), filename: z.string(), message: z.string() })),
})

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return files.toSorted()
}

const planted = await Promise.all(
  (await filesBelow(PLANTED)).map(async (file) => {
    const [first = ''] = (await readFile(file, 'utf8')).split('\n')
    return { path: relative(PLANTED, file), first, rule: /^\/\/ rejected by (\S+)$/.exec(first)?.[1] }
  }),
)

let tree: string
/** The rules that rejected each file, as `plugin/rule`, without repeats. */
const rejections = new Map<string, string[]>()

beforeAll(async () => {
  tree = await realpath(await mkdtemp(join(tmpdir(), 'countersign-walls-')))
  await cp(PLANTED, tree, { recursive: true })
  await Promise.all(
    ['.oxlintrc.json', 'tsconfig.json', 'package.json', 'scripts/lint'].map((name) =>
      cp(join(ROOT, name), join(tree, name), { recursive: true }),
    ),
  )
  await symlink(join(ROOT, 'node_modules'), join(tree, 'node_modules'))

  const oxlint = join(ROOT, 'node_modules/oxlint/bin/oxlint')
  // Its exit code is 1 when it finds something, as it must here.
  const output = await run(process.execPath, [oxlint, '--format', 'json', '.'], {
    cwd: tree,
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error: unknown) => z.object({ stdout: z.string() }).parse(error))
  for (const { code, filename } of report.parse(JSON.parse(output.stdout)).diagnostics) {
    const rule = code.replace(/^(.+)\((.+)\)$/, '$1/$2')
    rejections.set(filename, [...new Set([...(rejections.get(filename) ?? []), rule])])
  }
})

afterAll(() => rm(tree, { recursive: true, force: true }))

describe('each planted fault is rejected by the rule that it names, and by no other', () => {
  test.for(planted.filter(({ rule }) => rule !== undefined))('$path: $rule', ({ path, rule }) => {
    expect(rejections.get(path)).toEqual([rule])
  })
})

describe('each good file passes', () => {
  test.for(planted.filter(({ rule }) => rule === undefined))('$path', ({ path, first }) => {
    expect(first).toBe('// accepted')
    expect(rejections.get(path) ?? []).toEqual([])
  })
})

test('no file switches a wall off for itself', async () => {
  const files = await Promise.all(
    ['src', 'workflows', 'activities'].map((room) => filesBelow(join(ROOT, room)).catch(() => [])),
  )
  const offenders: string[] = []
  for (const file of files.flat().filter((name) => name.endsWith('.ts'))) {
    const text = await readFile(file, 'utf8')
    // A directive without rules switches all of them off.
    if (
      /(?:oxlint|eslint)-disable(?:-next-line|-line)?(?:\s*(?:\*\/|--|$)|[^\n]*(?:countersign\/|no-restricted-|no-cycle))/m.test(
        text,
      )
    )
      offenders.push(relative(ROOT, file))
  }
  expect(offenders).toEqual([])
})
