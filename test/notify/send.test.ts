import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Channel } from '../../src/notify/config.ts'
import { send } from '../../src/notify/send.ts'
import { NOTICE } from './notice.ts'
import { httpSink, mailSink } from './sinks.ts'

const LINK = 'https://temporal.example/workflows/{workflow_id}/{run_id}/user-metadata'
const all = { groups: null, playbooks: null }
const delivery = { id: 'msg_7', kind: 'asked', notice: NOTICE } as const

test('a webhook is signed as Standard Webhooks say, and carries all that is asked', async () => {
  await using sink = await httpSink()
  const channel: Channel = { ...all, name: 'hook', kind: 'webhook', url: `${sink.url}/hook`, secret: 'a secret' }
  expect(await send(channel, delivery, LINK)).toEqual({ came: 'sent' })
  expect(await send(channel, { ...delivery, kind: 'reminder-1' }, LINK)).toEqual({ came: 'sent' })
  const [{ headers, body }, reminder] = sink.came as [(typeof sink.came)[0], (typeof sink.came)[0]]
  const text = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`
  expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', 'a secret').update(text).digest('base64')}`)
  expect(headers['webhook-id']).toBe('msg_7')
  const page = 'https://temporal.example/workflows/refund-1/run-1/user-metadata'
  expect(JSON.parse(body)).toEqual({ type: 'approval.asked', kind: 'asked', link: page, notice: NOTICE })
  expect(JSON.parse(reminder.body)).toMatchObject({ type: 'approval.reminder', kind: 'reminder-1' })
  expect(body + JSON.stringify(headers)).not.toContain('a secret')
})

test('in Slack nothing that somebody wrote is a link, a mention or markup', async () => {
  await using sink = await httpSink()
  const channel: Channel = { ...all, name: 'slack', kind: 'slack', url: `${sink.url}/T0/B0` }
  expect(await send(channel, delivery, LINK)).toEqual({ came: 'sent' })
  const { text, blocks } = JSON.parse(sink.came[0]?.body ?? '') as {
    text: string
    blocks: { text: { type: string } }[]
  }
  expect(text).not.toMatch(/[<>]/)
  expect(new Set(blocks.map((block) => block.text.type))).toEqual(new Set(['plain_text']))
  const told = JSON.stringify(blocks)
  for (const part of [
    '2 of finance',
    'at least $50.00',
    '$120.00 → $0.00',
    'order/ord_1',
    NOTICE.actionDigest,
    '2026-11-29 12:00:00 UTC',
  ]) {
    expect(told).toContain(part)
  }
})

test('an e-mail has one subject and the recipients that are configured, whatever somebody wrote', async () => {
  await using sink = await mailSink()
  const channel: Channel = {
    ...all,
    name: 'mail',
    kind: 'smtp',
    url: sink.url,
    from: 'ask@acme.example',
    to: ['ben@acme.example'],
  }
  expect(await send(channel, delivery, LINK)).toEqual({ came: 'sent' })
  const [{ to, data }] = sink.messages as [(typeof sink.messages)[0]]
  expect(to).toEqual(['ben@acme.example'])
  const [head = ''] = data.split('\r\n\r\n')
  expect(head).not.toMatch(/^Bcc:/im)
  expect(head).toContain('Message-ID: <msg_7@countersign>')
  // The plain text holds it as it was written; in HTML it is text, too.
  expect(data.slice(data.indexOf('Content-Type: text/html'))).not.toContain('<a href')
})

test.each([
  [500, 'again'],
  [503, 'again'],
  [429, 'again'],
  [408, 'again'],
  ['hang up', 'again'],
  [400, 'failed'],
  [404, 'failed'],
  [302, 'failed'],
] as const)('a webhook that answers %s is %s', async (answer, came) => {
  await using sink = await httpSink()
  sink.script.push(answer)
  const channel: Channel = {
    ...all,
    name: 'hook',
    kind: 'webhook',
    url: `${sink.url}/?key=topsecret`,
    secret: 's3cr3t',
  }
  const sent = await send(channel, delivery, null)
  expect(sent).toMatchObject({ came })
  expect(JSON.stringify(sent)).not.toMatch(/topsecret|s3cr3t/)
  expect(sink.came).toHaveLength(1)
})

test.each([
  ['7', 7_000],
  ['90000', 86_400_000],
  [new Date(Date.now() + 3_600_000).toUTCString(), 3_600_000],
])('Retry-After: %s is kept to', async (value, afterMs) => {
  await using sink = await httpSink()
  sink.script.push({ status: 429, headers: { 'Retry-After': value } })
  const channel: Channel = { ...all, name: 'hook', kind: 'webhook', url: sink.url, secret: 's' }
  const sent = await send(channel, delivery, null)
  expect(sent).toMatchObject({ came: 'again', why: 'it answered 429' })
  expect(Math.abs(('afterMs' in sent ? (sent.afterMs ?? 0) : 0) - afterMs)).toBeLessThan(60_000)
})

test.each([
  [550, 'failed'],
  [451, 'again'],
])('a mail server that says %i is %s', async (code, came) => {
  await using sink = await mailSink(code)
  const channel: Channel = {
    ...all,
    name: 'mail',
    kind: 'smtp',
    url: sink.url,
    from: 'a@b.example',
    to: ['c@d.example'],
  }
  expect(await send(channel, delivery, null)).toMatchObject({ came })
})

test('nobody there is tried again, and what is told of it holds no address', async () => {
  const channel: Channel = { ...all, name: 'hook', kind: 'slack', url: 'http://127.0.0.1:9/services/topsecret' }
  const sent = await send(channel, delivery, null)
  expect(sent).toMatchObject({ came: 'again' })
  expect(JSON.stringify(sent)).not.toContain('topsecret')
})
