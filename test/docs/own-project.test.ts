import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')
const blocks = [
  ...readFileSync(join(root, 'docs', 'writing-a-playbook.md'), 'utf8').matchAll(/^```(?:ts|yaml)\n([\s\S]*?)^```/gm),
]
const FILES = ['tools.ts', 'workflows.ts', 'policies/grow-team.yaml', 'countersign.config.ts', 'replay.ts']

test.each(FILES)('what is to be typed as %s is what is tested', (file) => {
  const [, code] = blocks[FILES.indexOf(file)] ?? []
  expect(code).toBe(readFileSync(join(root, 'test', 'package', 'own-project', file), 'utf8'))
})
