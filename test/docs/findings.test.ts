import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FINDINGS } from '../../src/audit/findings.ts'

test('the operator reads of everything that reconciliation can find, and of nothing else', () => {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'operating.md'), 'utf8')
  const [, section = ''] = /^## Reconciling$([\s\S]*?)^## /m.exec(text) ?? []
  const rows = [...section.matchAll(/^\| (`\w+_\w+`(?:, `\w+`)*) \|/gm)].map(([, codes = '']) => codes)
  const told = rows.flatMap((codes) => [...codes.matchAll(/`(\w+)`/g)].map(([, code]) => code))
  const codes = Object.keys(FINDINGS)
  expect(told).toHaveLength(codes.length)
  expect(new Set(told)).toEqual(new Set(codes))
})
