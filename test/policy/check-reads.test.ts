import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { checkPolicies } from '../../src/cli/policy-check.ts'
import { loadProject } from '../../src/cli/project.ts'

vi.mock(import('node:fs/promises'), { spy: true })

/** The names of the files that were read since it was asked last. */
function reads(): readonly string[] {
  const names = vi.mocked(readFile).mock.calls.map(([file]) => (typeof file === 'string' ? basename(file) : '?'))
  vi.mocked(readFile).mockClear()
  return names.toSorted()
}

const SHIPPED = join(import.meta.dirname, '..', '..', 'policies')

test('each file is read once: of a folder, and of files that are named, also twice', async () => {
  const { project } = await loadProject(undefined)
  const policies = await mkdtemp(join(tmpdir(), 'countersign-reads-'))
  try {
    await cp(SHIPPED, policies, { recursive: true })
    await cp(join(SHIPPED, 'refund-request.yaml'), join(policies, 'refund-request.candidate.yaml'))
    await cp(join(SHIPPED, 'refund-request.yaml'), join(policies, 'further.yaml'))
    reads()
    const names = ['further.yaml', 'refund-request.candidate.yaml', 'refund-request.yaml', 'support-request.yaml']
    const checked = await checkPolicies({ ...project, policies }, [])
    expect(checked.map(({ file, ok }) => [basename(file), ok])).toEqual([
      ['refund-request.yaml', true],
      ['refund-request.candidate.yaml', true],
      ['support-request.yaml', true],
    ])
    expect(reads()).toEqual(names)

    const file = join(policies, 'refund-request.yaml')
    expect(await checkPolicies(project, [file, file])).toHaveLength(1)
    expect(reads()).toEqual(['refund-request.yaml'])
  } finally {
    await rm(policies, { recursive: true })
  }
})
