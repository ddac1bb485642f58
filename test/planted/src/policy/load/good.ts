// accepted
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { cents } from '../../contract/good.ts'
import type { Policy } from '../types.ts'

export async function load(path: string): Promise<Policy> {
  const read: unknown = parse(await readFile(path, 'utf8'))
  return { limit: cents(read) }
}
