import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readExportsConfig, uncovered } from '../../../src/audit/export/config.ts'

let folder: string
let file: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-exports-'))
  file = join(folder, 'exports.yaml')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const read = async (text: string, env: Record<string, string> = {}) => {
  await writeFile(file, text)
  return readExportsConfig(file, env)
}

test('sinks of each kind are read, with what is said of none', async () => {
  const config = await read(
    `
sinks:
  - { name: splunk, kind: splunk_hec, url: 'https://splunk.acme.example:8088', token_env: HEC_TOKEN, form: ocsf }
  - { name: bus, kind: cloudevents, url: 'https://bus.acme.example/in', targets: [splunk, bus] }
  - { name: archive, kind: file, path: audit.jsonl, targets: ['*'] }
`,
    { HEC_TOKEN: 's3cret' },
  )
  expect(config).toEqual({
    keepDays: 7,
    sinks: [
      {
        name: 'splunk',
        targets: ['splunk'],
        form: 'ocsf',
        kind: 'splunk_hec',
        url: 'https://splunk.acme.example:8088',
        token: 's3cret',
        index: undefined,
        host: undefined,
        sourcetype: 'countersign:ocsf',
        acknowledgeMs: 120_000,
        batchEvents: 100,
        batchBytes: 524_288,
      },
      {
        name: 'bus',
        targets: ['splunk', 'bus'],
        form: 'native',
        kind: 'cloudevents',
        url: 'https://bus.acme.example/in',
        token: undefined,
        mode: 'batched',
        source: 'https://countersign.dev/audit',
        batchEvents: 100,
        batchBytes: 524_288,
      },
      {
        name: 'archive',
        targets: ['*'],
        form: 'native',
        kind: 'file',
        path: resolve('audit.jsonl'),
        rotateBytes: 104_857_600,
      },
    ],
  })
  const [splunk, bus] = config.sinks
  expect(
    uncovered(
      ['splunk', 'bus', 'datadog'],
      [splunk, bus].flatMap((one) => one ?? []),
    ),
  ).toEqual(['datadog'])
  expect(uncovered(['datadog'], config.sinks)).toEqual([])
})

const hec = "name: s, kind: splunk_hec, url: 'https://s.example'"
test.each([
  ['sinks: []', /sinks/],
  ['sinks: [{ name: a, kind: kafka }]', /kind/],
  ['sinks: [{ name: A, kind: file, path: x }]', /lower-case/],
  ['sinks: [{ name: a, kind: file, path: x }, { name: a, kind: file, path: y }]', /two sinks are called `a`/],
  [`sinks: [{ ${hec}, token: secret }]`, /token/],
  [`sinks: [{ ${hec}, token_env: NOT_SET }]`, /the environment variable NOT_SET is not set/],
  [`sinks: [{ ${hec}, token_env: HEC, batch_events: 0 }]`, /batch_events/],
  ["sinks: [{ name: a, kind: cloudevents, url: 'ftp://a.example' }]", /url/],
  ['sinks: [{ name: a, kind: file, path: x, form: cef }]', /form/],
  ['sinks: [', /exports\.yaml/],
])('a mistake is found: %s', async (text, what) => {
  const failed = await read(text, { HEC: 'x' }).then(
    () => 'it was taken',
    (error: unknown) => error as Error,
  )
  expect(failed).toMatchObject({ name: 'ExportsConfigError', message: expect.stringMatching(what) })
})
