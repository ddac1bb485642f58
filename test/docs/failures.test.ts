import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FAILURES, failureRule, isFailureCode } from '../../src/contract/failures.ts'

const root = join(import.meta.dirname, '..', '..')
const folder = join(root, 'docs', 'failures')
const codes = Object.keys(FAILURES).filter(isFailureCode)
const SECTIONS = ['What it means.', 'When it comes.', 'In Temporal.', 'What was done.', 'What to do.']

test('every failure code has a page, and there is no page without a code', () => {
  const pages = readdirSync(folder).filter((name) => name !== 'README.md')
  expect(pages.toSorted()).toEqual(codes.map((code) => `${code}.md`).toSorted())
})

test.each(codes)('the page of %s says what the table says, in every section, and where it comes from', (code) => {
  const text = readFileSync(join(folder, `${code}.md`), 'utf8')
  const { fault, retryable, help } = failureRule(code)
  expect(text.split('\n').slice(0, 8)).toEqual([
    `# \`${code}\``,
    '',
    help,
    '',
    '| fault | retried by Temporal |',
    '|---|---|',
    `| ${fault} | ${retryable ? 'yes' : 'no'} |`,
    '',
  ])
  const sections = [...text.matchAll(/^\*\*([^*]+)\*\* (.+)$/gm)]
  expect(sections.map(([, name]) => name)).toEqual(SECTIONS)
  expect(sections.filter(([, , said = '']) => said.length < 5)).toEqual([])
  expect(text.split('\n').length - 1).toBeLessThanOrEqual(25)

  const when = /^\*\*When it comes\.\*\* (.+?)^\*\*/ms.exec(text)?.[1] ?? ''
  const sources = [...when.matchAll(/`((?:src|workflows|activities)\/[\w./-]+\.ts)`/g)].map(([, path = '']) => path)
  expect(sources.length > 0 || when.includes('nothing in Countersign throws it')).toBe(true)
  const silent = sources.filter(
    (path) => !existsSync(join(root, path)) || !readFileSync(join(root, path), 'utf8').includes(`'${code}'`),
  )
  expect(silent).toEqual([])
})

test('the index lists every code once, under whose fault it is, with what to do', () => {
  const index = readFileSync(join(folder, 'README.md'), 'utf8')
  const rows = index
    .split(/^## /m)
    .slice(1)
    .flatMap((section) => {
      const [fault = ''] = section.split('\n')
      return [...section.matchAll(/^\| \[`(\w+)`\]\((\w+)\.md\) \| (yes|no) \| (.+) \|$/gm)].map(
        ([, code, page, again, help]) => ({ fault, code, page, again, help: help?.replaceAll('\\|', '|') }),
      )
    })
  const wanted = codes.map((code) => {
    const { fault, retryable, help } = failureRule(code)
    return { fault, code, page: code, again: retryable ? 'yes' : 'no', help }
  })
  const byCode = <T extends { readonly code: string | undefined }>(all: readonly T[]) =>
    all.toSorted((a, b) => String(a.code).localeCompare(String(b.code)))
  expect(byCode(rows)).toEqual(byCode(wanted))
})
