import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { channelsFor, readNotifyConfig } from '../../src/notify/config.ts'

const folder = mkdtempSync(join(tmpdir(), 'countersign-notify-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'notify.yaml')
const ENV = { HOOK: 'a secret', SLACK: 'https://hooks.example/a-secret', MAIL: 'smtp://u:p@mail.example' }

const read = (text: string, env: Readonly<Record<string, string>> = ENV) => {
  writeFileSync(file, text)
  return readNotifyConfig(file, env)
}

const WHOLE = `
link: https://temporal.example/namespaces/default/workflows/{workflow_id}
channels:
  - { name: machines, kind: webhook, url: https://hook.example/x, secret_env: HOOK }
  - { name: finance, kind: slack, url_env: SLACK, groups: [finance] }
  - { name: post, kind: smtp, url_env: MAIL, from: ask@acme.example, to: [ben@acme.example], playbooks: [refund_request] }
`

test('a file says where people are told, and secrets come from the environment', () => {
  const config = read(WHOLE)
  expect(config.channels).toMatchObject([
    { name: 'machines', kind: 'webhook', secret: 'a secret', groups: null, playbooks: null },
    { name: 'finance', kind: 'slack', url: ENV.SLACK, groups: ['finance'] },
    { name: 'post', kind: 'smtp', to: ['ben@acme.example'], playbooks: ['refund_request'] },
  ])
  const named = (of: Parameters<typeof channelsFor>[1]) => channelsFor(config, of).map(({ name }) => name)
  expect(named({ playbook: 'refund_request', groups: ['finance', 'managers'] })).toEqual([
    'machines',
    'finance',
    'post',
  ])
  expect(named({ playbook: 'support_request', groups: [] })).toEqual(['machines'])
})

test.each([
  ['no YAML', 'channels: [', 'Flow sequence in block collection must be'],
  ['no channel', 'channels: []', '`channels`'],
  ['an unknown kind', 'channels: [{name: a, kind: pager}]', '`channels.0.kind`'],
  ['an unknown key', 'channels: [{name: a, kind: slack, url_env: SLACK, token: x}]', 'Unrecognized key: "token"'],
  ['a secret in the file', 'channels: [{name: a, kind: slack, url: "https://x.example"}]', 'url_env'],
  ['no variable of that name', 'channels: [{name: a, kind: slack, url_env: NOPE}]', 'NOPE is not set'],
  [
    'a link to one run only',
    'link: https://x.example\nchannels: [{name: a, kind: slack, url_env: SLACK}]',
    'must hold {workflow_id}',
  ],
  [
    'a name twice',
    'channels: [{name: a, kind: slack, url_env: SLACK}, {name: a, kind: slack, url_env: SLACK}]',
    'two channels are called `a`',
  ],
  [
    'no e-mail address',
    'channels: [{name: a, kind: smtp, url_env: MAIL, from: me, to: [b@c.example]}]',
    '`channels.0.from`',
  ],
])('%s is told, with the file', (_what, text, why) => {
  expect(() => read(text)).toThrow(why)
  expect(() => read(text)).toThrow(file)
})

test('what is told of a mistake holds no secret', () => {
  for (const text of ['channels: [{name: a, kind: slack, url_env: SLACK, x: 1}]', 'link: 5\nchannels: []']) {
    expect(() => read(text)).not.toThrow('a-secret')
  }
})
