import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ModelsConfigError } from '../../src/tools/models/config.ts'
import { loadModels, parseModels } from '../../src/tools/models/load.ts'

const GOOD = `
roles:
  extract:
    provider: compatible
    endpoint: https://models.example/v1
    model: small-1
    apiKeyEnv: MODEL_KEY
    price: { inputUsdPerMillionTokens: 0.15, outputUsdPerMillionTokens: 0.6 }
  plan:
    provider: anthropic
    model: big-1
    apiKeyEnv: PLAN_KEY
    price: { inputUsdPerMillionTokens: 3, outputUsdPerMillionTokens: 0.000001 }
    temperature: 0.7
    timeoutSeconds: 2.5
  route:
    provider: openai
    endpoint: http://127.0.0.1:8080/v1
    model: tiny-1
    apiKeyEnv: ROUTE_KEY
    price: { inputUsdPerMillionTokens: 0, outputUsdPerMillionTokens: 0 }
`

const EXPECTED = {
  extract: {
    provider: 'compatible',
    endpoint: 'https://models.example/v1',
    model: 'small-1',
    apiKeyEnv: 'MODEL_KEY',
    price: { inputMicroUsdPerMillion: 150_000, outputMicroUsdPerMillion: 600_000 },
    temperature: null,
    timeoutMs: 60_000,
  },
  plan: {
    provider: 'anthropic',
    endpoint: 'https://api.anthropic.com/v1',
    model: 'big-1',
    apiKeyEnv: 'PLAN_KEY',
    price: { inputMicroUsdPerMillion: 3_000_000, outputMicroUsdPerMillion: 1 },
    temperature: 0.7,
    timeoutMs: 2500,
  },
  route: {
    provider: 'openai',
    endpoint: 'http://127.0.0.1:8080/v1',
    model: 'tiny-1',
    apiKeyEnv: 'ROUTE_KEY',
    price: { inputMicroUsdPerMillion: 0, outputMicroUsdPerMillion: 0 },
    temperature: null,
    timeoutMs: 60_000,
  },
}

test('a configuration is read with its defaults, and prices as whole micro-dollars', () => {
  expect(parseModels(GOOD, 'models.yaml')).toEqual({ source: 'models.yaml', roles: EXPECTED })
})

test('the example of the manual is a configuration, with one role for each provider', async () => {
  const manual = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'operating.md'), 'utf8')
  const [, example = ''] = /```yaml\n(roles:.*?)```/s.exec(manual) ?? []
  const { roles } = parseModels(example, 'operating.md')
  expect(Object.values(roles).map(({ provider }) => provider)).toEqual(['compatible', 'openai', 'anthropic'])
})

test('OpenAI has a public endpoint, and a compatible server may do without a key', () => {
  const text = GOOD.replace('    endpoint: http://127.0.0.1:8080/v1\n', '').replace('    apiKeyEnv: MODEL_KEY\n', '')
  const { extract, route } = parseModels(text, 'models.yaml').roles
  expect(route?.endpoint).toBe('https://api.openai.com/v1')
  expect(extract?.apiKeyEnv).toBeNull()
})

test('a configuration file is read, and one that is not there is named', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-models-'))
  try {
    const path = join(folder, 'models.yaml')
    await expect(loadModels(path)).rejects.toThrow(`${path}: cannot be read (ENOENT)`)
    await writeFile(path, GOOD)
    expect((await loadModels(path)).roles).toEqual(EXPECTED)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test.each([
  [
    'a key in the file',
    ['apiKeyEnv: MODEL_KEY', 'apiKey: sk-SECRET'],
    'roles.extract: unknown key `apiKey`; the keys are',
  ],
  ['a key in place of its name', ['MODEL_KEY', 'sk-SECRET'], 'roles.extract.apiKeyEnv: must be the NAME'],
  ['a user in the endpoint', ['https://', 'https://SECRET@'], 'roles.extract.endpoint: must be an http(s) URL'],
  ['a key in the endpoint', ['https://', 'https://user:SECRET@'], 'roles.extract.endpoint: must be an http(s) URL'],
  [
    'a query in the endpoint',
    ['example/v1', 'example/v1?key=SECRET'],
    'roles.extract.endpoint: must be an http(s) URL',
  ],
  ['another protocol', ['https://models', 'file:///models'], 'roles.extract.endpoint: must be an http(s) URL'],
  ['no URL', ['https://models.example/v1', 'SECRET'], 'roles.extract.endpoint: must be an http(s) URL'],
  ['no provider', ['    provider: anthropic\n', ''], 'roles.plan.provider: must be openai, anthropic or compatible'],
  ['another provider', ['openai', 'SECRET'], 'roles.route.provider: must be openai, anthropic or compatible'],
  [
    'a compatible server without an endpoint',
    ['    endpoint: https://models.example/v1\n', ''],
    'roles.extract.endpoint: ',
  ],
  [
    'OpenAI without a key',
    ['    apiKeyEnv: ROUTE_KEY\n', ''],
    'roles.route.apiKeyEnv: must be the NAME of the environment variable that holds the key',
  ],
  ['Anthropic without a key', ['    apiKeyEnv: PLAN_KEY\n', ''], 'roles.plan.apiKeyEnv: must be the NAME'],
  ['a temperature above what Anthropic knows', ['temperature: 0.7', 'temperature: 1.1'], 'roles.plan.temperature: '],
  ['a role that is text', ['roles:', 'roles: { extract: SECRET }\nx:'], 'roles.extract: '],
  ['an unknown role', ['plan:', 'critic:'], 'roles: unknown key `critic`; the keys are route, extract, plan'],
  ['an unknown key at the top', ['roles:', 'models:'], 'file: unknown key `models`; the keys are roles'],
  ['no model', ['model: small-1', 'model: " "'], 'roles.extract.model: '],
  ['the name of no model', ['small-1', 'deterministic'], 'roles.extract.model: must not be `deterministic`'],
  [
    'no price',
    ['price: { inputUsdPerMillionTokens: 0.15,', 'price: {'],
    'roles.extract.price.inputUsdPerMillionTokens: ',
  ],
  ['a negative price', ['0.15', '-0.15'], 'roles.extract.price.inputUsdPerMillionTokens: must be dollars'],
  ['a price of seven decimals', ['0.15', '0.1500001'], 'roles.extract.price.inputUsdPerMillionTokens: must be dollars'],
  ['a tiny price', ['0.15', '1e-7'], 'roles.extract.price.inputUsdPerMillionTokens: must be dollars'],
  ['a price that is not finite', ['0.15', '.inf'], 'roles.extract.price.inputUsdPerMillionTokens: '],
  ['a price that is no number', ['0.15', '.nan'], 'roles.extract.price.inputUsdPerMillionTokens: '],
  ['a price as text', ['0.15', '"0.15"'], 'roles.extract.price.inputUsdPerMillionTokens: '],
  ['a temperature of three', ['temperature: 0.7', 'temperature: 3'], 'roles.plan.temperature: '],
  ['no time at all', ['timeoutSeconds: 2.5', 'timeoutSeconds: 0'], 'roles.plan.timeoutSeconds: '],
  ['more time than a call can have', ['timeoutSeconds: 2.5', 'timeoutSeconds: 301'], 'roles.plan.timeoutSeconds: '],
  ['a key twice', ['model: small-1', 'model: small-1\n    model: SECRET'], 'line 7: DUPLICATE_KEY'],
  ['two documents', ['  plan:', '---\nroles:'], 'line 9: MULTIPLE_DOCS'],
  ['no YAML', ['price: {', 'price: { SECRET: ['], 'line '],
  ['a prototype', ['plan:', '__proto__:'], 'roles: unknown key `__proto__`'],
  ['an alias', ['model: big-1', 'model: *SECRET'], 'not one plain YAML document: aliases'],
])('%s is refused with file and key, and without the value', (_, [from = '', to = ''], said) => {
  const read = () => parseModels(GOOD.replace(from, to), 'models.yaml')
  expect(read).toThrow(ModelsConfigError)
  expect(read).toThrow(`models.yaml: ${said}`)
  expect(read).not.toThrow('SECRET')
})

test.each([
  ['an alias of a known anchor', 'roles: {}\na: &x [1]\nb: *x'],
  ['deep nesting', '['.repeat(16_000)],
  ['more than 16 KB', `# ${'x'.repeat(17_000)}`],
  ['nothing', ''],
  ['a list', '- 1'],
])('a file of %s is refused', (_, text) => {
  expect(() => parseModels(text, 'models.yaml')).toThrow(ModelsConfigError)
})

test('every problem of a file is named at once', () => {
  const text = GOOD.replace('small-1', '""').replace('temperature: 0.7', 'temperature: -1')
  expect(() => parseModels(text, 'm')).toThrow(/m: roles\.extract\.model: .*\nm: roles\.plan\.temperature: /)
})
