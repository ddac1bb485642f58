import { createRequire } from 'node:module'
import { dirname, isAbsolute, join, relative } from 'node:path'
import type { FailureCode } from '../contract/failures.ts'

const ROOT = dirname(createRequire(import.meta.url).resolve('countersign/package.json'))

/** Where the page of a failure code lies, as a path that opens from the folder in which the command runs. */
export function failurePage(code: FailureCode): string {
  const page = join(ROOT, 'docs', 'failures', `${code}.md`)
  const near = relative(process.cwd(), page)
  return near.startsWith('..') || isAbsolute(near) ? page : near
}
