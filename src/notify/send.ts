import { createHmac } from 'node:crypto'
import { createTransport } from 'nodemailer'
import { errorCodes } from '../contract/error-code.ts'
import type { Notice } from '../contract/notice.ts'
import { retryAfterMs } from '../contract/retry-after.ts'
import type { Channel } from './config.ts'
import { linkOf, mailOf, type NoticeKind, slackOf, webhookOf } from './render.ts'

/** One message on one channel; `id` is the same however often it is sent. */
export interface Delivery {
  readonly id: string
  readonly kind: NoticeKind
  readonly notice: Notice
}

/** What came of sending. `again`: it may work later, no sooner than after so many milliseconds where somebody said so. */
export type Sent =
  | { readonly came: 'sent' }
  | { readonly came: 'again'; readonly why: string; readonly afterMs?: number }
  | { readonly came: 'failed'; readonly why: string }

const ANSWER_MS = 10_000
/** The longest wait that a channel may ask for. */
const LONGEST_WAIT_MS = 86_400_000
const AGAIN = new Set([408, 409, 425, 429])

/** Sends one message. Never throws, and what it tells of a failure holds no secret. */
export async function send(channel: Channel, { id, kind, notice }: Delivery, link: string | null): Promise<Sent> {
  const page = linkOf(link, notice)
  try {
    switch (channel.kind) {
      case 'webhook':
        return await post(channel.url, webhookOf(notice, kind, page), (body) => signed(id, body, channel.secret))
      case 'slack':
        return await post(channel.url, JSON.stringify(slackOf(notice, kind, page)), () => ({}))
      case 'smtp':
        return await mail(channel, { id, kind, notice }, page)
    }
  } catch (error) {
    // Addresses may hold secrets, and libraries quote them.
    return { came: 'again', why: errorCodes(error) }
  }
}

/** The headers of Standard Webhooks: who has the secret can tell that this is of us, of when, and whether it came before. */
function signed(id: string, body: string, secret: string): Record<string, string> {
  const timestamp = String(Math.floor(Date.now() / 1000))
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret)
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
}

async function post(url: string, body: string, headersOf: (body: string) => Record<string, string>): Promise<Sent> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'User-Agent': 'countersign', ...headersOf(body) },
    body,
    redirect: 'manual',
    signal: AbortSignal.timeout(ANSWER_MS),
  })
  await response.body?.cancel()
  const { status } = response
  if (status >= 200 && status < 300) return { came: 'sent' }
  const why = `it answered ${status}`
  if (status < 500 && !AGAIN.has(status)) return { came: 'failed', why }
  const afterMs = retryAfterMs(response.headers, Date, LONGEST_WAIT_MS)
  return { came: 'again', why, ...(afterMs === undefined ? {} : { afterMs }) }
}

async function mail(
  { url, from, to }: Extract<Channel, { readonly kind: 'smtp' }>,
  { id, kind, notice }: Delivery,
  page: string | null,
): Promise<Sent> {
  const transport = createTransport(url, { disableFileAccess: true, disableUrlAccess: true })
  try {
    const { subject, text, html } = mailOf(notice, kind, page)
    await transport.sendMail({ from, to: [...to], subject, text, html, messageId: `<${id}@countersign>` })
    return { came: 'sent' }
  } catch (error) {
    const { responseCode } = error as { readonly responseCode?: number }
    // 5xx of RFC 5321 is for good.
    if (responseCode !== undefined && responseCode >= 500) return { came: 'failed', why: `it answered ${responseCode}` }
    return { came: 'again', why: errorCodes(error) }
  } finally {
    transport.close()
  }
}
