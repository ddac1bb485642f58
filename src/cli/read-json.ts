import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import type { JsonObject } from '../contract/json.ts'
import { UsageError } from './errors.ts'
import { jsonObject } from './json-object.ts'

/** Reads the JSON object of `--<name>` or `--<name>-file`, of which one has to be given; `-` is stdin. */
export async function readJson<Name extends 'request' | 'input'>(
  name: Name,
  options: { readonly [K in Name | `${Name}File`]?: string },
): Promise<JsonObject> {
  const inline: string | undefined = options[name]
  const file: string | undefined = options[`${name}File`]
  if ((inline === undefined) === (file === undefined)) {
    throw new UsageError(`give the ${name} by --${name} or by --${name}-file`, `such as --${name} '{"orderId": …}'`)
  }
  const where = file === undefined ? `--${name}` : `\`${file}\``
  let json = inline ?? ''
  if (file !== undefined) {
    json = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new UsageError(`${where} cannot be read: ${error.code ?? error.message}`, 'Name a file with JSON in it.')
    })
  } else if (inline === '-') {
    json = await text(process.stdin)
  }
  return jsonObject(json, where, {
    json: `Quote it for your shell, or use --${name}-file.`,
    object: 'See the contract of the playbook for its keys.',
  }) as JsonObject
}
