import { fileURLToPath } from 'node:url'
import { folderStore } from './folder.ts'
import { s3Store } from './s3.ts'
import { type BlobStore, StoreUrlError } from './store.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The store that a URL names: `file:///var/archive`, or `s3://bucket/prefix` with COUNTERSIGN_S3_ENDPOINT, _REGION, _ACCESS_KEY_ID,
 * _SECRET_ACCESS_KEY and maybe _SESSION_TOKEN. Throws `StoreUrlError`.
 */
export function storeAt(text: string, environment: Environment): BlobStore {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'file:' && url.host === '' && url.search === '' && url.hash === '')
    return folderStore(fileURLToPath(url).replace(/(?<=.)\/$/, ''))
  if (url?.protocol === 's3:') return bucketAt(text, environment)
  throw new StoreUrlError(`\`${text}\` is no store: name a folder, \`file:///…\`, or a bucket, \`s3://bucket/prefix\``)
}

function bucketAt(text: string, environment: Environment): BlobStore {
  const [, bucket = '', prefix = ''] =
    /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([\w.\-/]*?))?\/?$/.exec(text) ?? []
  if (
    bucket === '' ||
    prefix.split('/').some((part) => part === '.' || part === '..' || (part === '' && prefix !== ''))
  )
    throw new StoreUrlError(
      `\`${text}\` names no bucket: \`s3://bucket/prefix\`, of letters, digits, \`.\`, \`-\` and \`_\``,
    )
  const set = (name: string): string | undefined => {
    const value = environment[`COUNTERSIGN_S3_${name}`]
    return value === '' ? undefined : value
  }
  const needed = (name: string): string => {
    const value = set(name)
    if (value === undefined) throw new StoreUrlError(`COUNTERSIGN_S3_${name} is not set, and a bucket needs it`)
    return value
  }
  const region = set('REGION') ?? 'us-east-1'
  const endpoint = set('ENDPOINT') ?? `https://s3.${region}.amazonaws.com`
  if (!/^https?:\/\/[^/?#]+\/?$/.test(endpoint))
    throw new StoreUrlError(`COUNTERSIGN_S3_ENDPOINT is \`${endpoint}\`, and has to be such as \`https://s3.example\``)
  return s3Store({
    endpoint,
    region,
    bucket,
    prefix,
    accessKeyId: needed('ACCESS_KEY_ID'),
    secretAccessKey: needed('SECRET_ACCESS_KEY'),
    sessionToken: set('SESSION_TOKEN'),
  })
}
