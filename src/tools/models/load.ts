import { readFile } from 'node:fs/promises'
import { LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import { MICRO_USD_PER_USD } from '../../contract/money.ts'
import { DETERMINISTIC, type ModelConfig, type ModelsConfig, ModelsConfigError } from './config.ts'

/** Where those providers answer who have one public address. Environment variables of their clients are not read. */
const PUBLIC_ENDPOINT = {
  openai: 'https://api.openai.com/v1',
  anthropic: 'https://api.anthropic.com/v1',
} as const

const MAX_BYTES = 16 * 1024

/** A strict object whose complaint about an unknown key lists the known ones. */
function closed<S extends z.core.$ZodShape>(shape: S) {
  const known = Object.keys(shape).join(', ')
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `unknown key ${issue.keys.map((key) => `\`${key}\``).join(', ')}; the keys are ${known}`
        : undefined,
  })
}

/** Dollars per million tokens → micro-dollars, exactly: the digits are read, not multiplied. */
const dollars = z.number().transform((usd, context) => {
  const match = /^(\d{1,6})(?:\.(\d{1,6}))?$/.exec(String(usd))
  if (match === null) {
    context.addIssue('must be dollars per million tokens: 0 to 999999, at most six decimals')
    return z.NEVER
  }
  const [, whole, fraction = ''] = match
  return Number(whole) * MICRO_USD_PER_USD + Number(fraction.padEnd(6, '0'))
})

function isEndpoint(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) return false
  return url.username === '' && url.password === '' && url.search === '' && url.hash === ''
}

const endpoint = z.string().refine(isEndpoint, 'must be an http(s) URL without user, password, query and fragment')

const apiKeyEnv = z
  .string({ error: 'must be the NAME of the environment variable that holds the key' })
  .regex(/^[A-Z_][A-Z0-9_]{0,99}$/, 'must be the NAME of an environment variable; a key never stands in this file')

const common = {
  model: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .refine((name) => name !== DETERMINISTIC, `must not be \`${DETERMINISTIC}\`, which on the record means no model`),
  price: closed({ inputUsdPerMillionTokens: dollars, outputUsdPerMillionTokens: dollars }),
  // Node's fetch gives up on an answer that has not begun after five minutes.
  timeoutSeconds: z.number().positive().max(300).default(60),
}

const entry = z.discriminatedUnion(
  'provider',
  [
    closed({
      provider: z.literal('openai'),
      endpoint: endpoint.default(PUBLIC_ENDPOINT.openai),
      ...common,
      apiKeyEnv,
      temperature: z.number().min(0).max(2).optional(),
    }),
    closed({
      provider: z.literal('anthropic'),
      endpoint: endpoint.default(PUBLIC_ENDPOINT.anthropic),
      ...common,
      apiKeyEnv,
      temperature: z.number().min(0).max(1).optional(),
    }),
    closed({
      provider: z.literal('compatible'),
      endpoint,
      ...common,
      apiKeyEnv: apiKeyEnv.optional(),
      temperature: z.number().min(0).max(2).optional(),
    }),
  ],
  {
    error: (issue) => (issue.code === 'invalid_union' ? 'must be openai, anthropic or compatible' : undefined),
  },
)

const modelEntry = entry.transform(
  ({ provider, endpoint: base, model, price, timeoutSeconds, ...rest }): ModelConfig => ({
    provider,
    endpoint: base,
    model,
    apiKeyEnv: rest.apiKeyEnv ?? null,
    price: {
      inputMicroUsdPerMillion: price.inputUsdPerMillionTokens,
      outputMicroUsdPerMillion: price.outputUsdPerMillionTokens,
    },
    temperature: rest.temperature ?? null,
    timeoutMs: Math.ceil(timeoutSeconds * 1000),
  }),
)

const file = closed({
  roles: closed({ route: modelEntry.optional(), extract: modelEntry.optional(), plan: modelEntry.optional() }),
})

/** One YAML document as data. The problems tell the place and never the text, which may hold a key. */
function readYaml(text: string, source: string): unknown {
  if (Buffer.byteLength(text) > MAX_BYTES) throw new ModelsConfigError(source, [`larger than ${MAX_BYTES} bytes`])
  const lines = new LineCounter()
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: true,
      logLevel: 'error',
    })
    if (document.errors.length > 0) {
      const problems = document.errors.map((error) => `line ${lines.linePos(error.pos[0]).line}: ${error.code}`)
      throw new ModelsConfigError(source, problems)
    }
    return document.toJS({ maxAliasCount: 0 })
  } catch (error) {
    if (error instanceof ModelsConfigError) throw error
    throw new ModelsConfigError(source, ['not one plain YAML document: aliases and deep nesting are refused'])
  }
}

/**
 * Reads the text of a model configuration: `roles` → `route`, `extract`, `plan`, each `{provider, endpoint, model,
 * apiKeyEnv, price: {inputUsdPerMillionTokens, outputUsdPerMillionTokens}, temperature?, timeoutSeconds? = 60}`.
 * `openai` and `anthropic` have a default endpoint and need a key; `compatible` needs an endpoint and may do without a
 * key. `source` names the text in errors. Throws `ModelsConfigError` with every problem.
 */
export function parseModels(text: string, source: string): ModelsConfig {
  const parsed = file.safeParse(readYaml(text, source))
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'file'}: ${message}`)
    throw new ModelsConfigError(source, problems)
  }
  const { route, extract, plan } = parsed.data.roles
  return {
    source,
    roles: { ...(route && { route }), ...(extract && { extract }), ...(plan && { plan }) },
  }
}

/** Reads a model configuration file, as `parseModels` does; a file that cannot be read is a problem too. */
export async function loadModels(path: string): Promise<ModelsConfig> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new ModelsConfigError(path, [`cannot be read (${error.code ?? error.name})`])
  })
  return parseModels(text, path)
}
