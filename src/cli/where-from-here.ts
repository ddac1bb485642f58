import { relative } from 'node:path'

/** How a person here calls a file or folder: from this folder where it lies below it, else by its whole path. */
export function nearestName(path: string): string {
  const near = relative(process.cwd(), path)
  return near.startsWith('..') ? path : near
}
