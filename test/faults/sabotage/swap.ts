import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const urlOf = (path: string): string => pathToFileURL(join(ROOT, path)).href

/** Has everybody import another file in the place of one of the product's; the other file itself still gets that one. */
export function swap(original: string, replacement: string): void {
  const from = urlOf(original)
  const to = urlOf(replacement)
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context)
      return found.url === from && context.parentURL !== to ? { ...found, url: to } : found
    },
  })
}

/** Changes the text of one of the product's files as it is loaded; throws when it is not as it was. */
export function rewrite(path: string, before: string, after: string): void {
  const url = urlOf(path)
  registerHooks({
    load(loaded, context, next) {
      const found = next(loaded, context)
      if (loaded !== url) return found
      const source = Buffer.from(found.source as Uint8Array).toString()
      if (source.split(before).length !== 2) throw new Error(`a sabotage is out of date: \`${before}\` in ${path}`)
      return { ...found, source: source.replace(before, after) }
    },
  })
}
