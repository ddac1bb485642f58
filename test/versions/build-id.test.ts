import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { KERNEL_VERSION } from '../../src/contract/wire.ts'
import { bundleForReplay, bundlePlaybooks } from '../../src/worker/bundle.ts'
import { SHIPPED_WORKFLOWS } from '../support/world.ts'

const root = join(import.meta.dirname, '..', '..')
const run = promisify(execFile)

/** The build id that another process, in another folder, gives a copy of the code. */
async function buildIdElsewhere(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'countersign-build-id-'))
  onTestFinished(() => rm(copy, { recursive: true, force: true }))
  for (const name of ['src', 'workflows', 'activities', 'package.json']) {
    await cp(join(root, name), join(copy, 'deep', name), { recursive: true })
  }
  await symlink(join(root, 'node_modules'), join(copy, 'deep', 'node_modules'))
  const script = `
    import { bundleForReplay, bundlePlaybooks } from '${copy}/deep/src/worker/bundle.ts'
    console.log((await bundlePlaybooks('${copy}/deep/workflows/index.ts')).buildId)`
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: tmpdir() })
  return stdout.trim()
}

test('the same code has the same build id wherever it lies and whoever bundles it, and changed code another', async () => {
  const here = await bundlePlaybooks(SHIPPED_WORKFLOWS)
  expect(here.buildId).toMatch(/^[0-9a-f.]+-[0-9a-f]{16}$/)
  expect(here.buildId.startsWith(`${KERNEL_VERSION}-`)).toBe(true)
  expect(await buildIdElsewhere()).toBe(here.buildId)
  const code = here.bundle.code.replace(/\n\/\/# sourceMappingURL=.*$/s, '')
  expect(code).not.toContain(root)
  // `shared-modules.ts` finds the contracts of tools by these names.
  for (const name of ['../activities/billing/contract.ts', 'zod/v4/core/util.js']) expect(code).toContain(`"${name}"`)

  const changed = await bundlePlaybooks(join(root, 'test', 'replay', 'changed-playbook.ts'))
  expect(changed.buildId).not.toBe(here.buildId)
})

test('two copies of a package stay two modules', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-copies-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  for (const at of ['', 'app']) {
    await mkdir(join(folder, at, 'node_modules', 'copied'), { recursive: true })
    await writeFile(join(folder, at, 'node_modules', 'copied', 'index.js'), `exports.of = 'copy of ${at}'`)
  }
  await symlink(join(root, 'node_modules', '@temporalio'), join(folder, 'node_modules', '@temporalio'))
  await writeFile(join(folder, 'outer.ts'), "export * from 'copied'")
  const workflows = join(folder, 'app', 'workflows.ts')
  await writeFile(workflows, "export * as inner from 'copied'\nexport * as outer from '../outer.ts'")
  const { code } = await bundleForReplay(workflows)
  const names = [...code.matchAll(/^\/\*\*\*\/ "([^"\n]*copied\/index\.js)"/gm)].map(([, name]) => name)
  expect(new Set(names).size).toBe(2)
  expect(code.replace(/\n\/\/# sourceMappingURL=.*$/s, '')).not.toContain(folder)
})
