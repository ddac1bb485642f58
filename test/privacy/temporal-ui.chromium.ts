import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { SEARCH_ATTRIBUTES } from '../../src/contract/wire.ts'
import { startTemporal, type TemporalServer } from '../../src/embedded/index.ts'
import { codecCallsSince } from '../../src/ledger/codec-calls.ts'
import { newOrder } from '../support/orders.ts'
import { until } from '../support/world.ts'
import { useProtectedWorld } from './protected-world.ts'

/*
 * Temporal's own pages, in a real Chromium, on a dev server that was started with `--ui-codec-endpoint`. The dev server has no login: of somebody who has logged in, the tests put the
 * token where the pages keep it, and have the settings say what those of a UI server with a login say (`TEMPORAL_AUTH_ENABLED`, `TEMPORAL_CODEC_PASS_ACCESS_TOKEN`). The pages pass a
 * token by https only, so TLS ends in front of the gateway, as in production.
 */

const images = join(import.meta.dirname, '..', '..', 'docs', 'images')
const SECRET = 'Mia Muster'
let server: TemporalServer | undefined
let tls: Server | undefined
let browser: Browser | undefined
let behind = ''

/** TLS in front of the gateway, with a certificate of its own. */
async function startTls(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'codec-tls-'))
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject], {
    stdio: 'ignore',
  })
  const started = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (from, to) => {
    const { method, headers, url = '/' } = from
    const onward = request(new URL(url, behind), { method, headers }, (answer) => {
      to.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(to)
    })
    from.pipe(onward)
  })
  await new Promise<void>((listening) => started.listen(0, '127.0.0.1', listening))
  tls = started
  return `https://127.0.0.1:${(started.address() as AddressInfo).port}`
}

// Before the world, which takes its address.
beforeAll(async () => {
  const endpoint = await startTls()
  server = await startTemporal({
    executable: inject('temporalCli'),
    uiCodecEndpoint: `${endpoint}/codec`,
    searchAttributes: Object.values(SEARCH_ATTRIBUTES).map(({ name, type }) => ({
      name,
      type: type === 'INT' ? 'Int' : 'Keyword',
    })),
  })
})
const uiUrl = () => server?.uiUrl ?? ''
const here = useProtectedWorld({
  address: () => server?.address ?? '',
  origins: () => [new URL(uiUrl()).origin],
})
beforeAll(async () => {
  behind = here().gateway
  browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  })
})
afterAll(async () => {
  await browser?.close()
  await new Promise((closed) => tls?.close(closed) ?? closed(undefined))
  tls?.closeAllConnections()
  await server?.stop()
})

/** A page of somebody who has logged in, or of nobody. */
async function pageOf(token?: string): Promise<Page> {
  if (browser === undefined) throw new Error('no browser')
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1400, height: 900 } })
  if (token !== undefined) {
    await context.addInitScript(
      (user) => {
        const { localStorage } = globalThis as unknown as {
          localStorage: { setItem(name: string, value: string): void }
        }
        localStorage.setItem('AuthUser', user)
      },
      JSON.stringify({ accessToken: token }),
    )
    await context.route('**/api/v1/settings*', async (route) => {
      const response = await route.fetch()
      const { Auth, Codec, ...settings } = (await response.json()) as { readonly Auth: object; readonly Codec: object }
      const json = { ...settings, Auth: { ...Auth, Enabled: true }, Codec: { ...Codec, PassAccessToken: true } }
      await route.fulfill({ response, json })
    })
  }
  return await context.newPage()
}

async function waitingRun(): Promise<string> {
  const { world, clientOf } = here()
  const order = await newOrder(world.databaseUrl, { amountCents: 12_000 })
  const message = `It arrived broken, please refund $120.00. I am ${SECRET}.`
  const { client } = await clientOf('service')
  const run = await client.start(
    'refund_request',
    { orderId: order.orderId, ticketId: order.ticketId, message },
    { principal: { workspace: 'acme' }, workflowId: 'refund-tkt_1042' },
  )
  await until('a question', async () => (await run.status()).pending[0])
  return run.workflowId
}

/** The history of a run as a page shows it, once it has loaded; with a picture. */
async function shown(page: Page, workflowId: string, picture?: string): Promise<string> {
  await page.goto(`${uiUrl()}/namespaces/default/workflows/${workflowId}`)
  await page.getByText('Timeline').first().waitFor()
  await page.waitForTimeout(4_000)
  if (picture !== undefined) await page.screenshot({ path: join(images, `${picture}.png`) })
  return await page.locator('body').innerText()
}

/** What the codec server was asked by the pages of somebody. */
async function asked(subject: string | null) {
  const calls = (await codecCallsSince(here().world.db, '0')).filter(({ kind }) => kind === 'decode')
  return calls.filter(({ who }) => (who?.subject ?? null) === subject)
}

test('a history is ciphertext, until somebody who has the scope looks at it', async () => {
  const { token } = here()
  const workflowId = await waitingRun()

  const nobody = await shown(await pageOf(), workflowId, 'encrypted')
  expect(nobody).toContain('refund_request')
  expect(nobody).not.toContain(SECRET)
  expect(nobody).not.toContain('until its deadline')
  const refused = await asked(null)
  expect(refused.length).toBeGreaterThan(0)
  for (const call of refused) expect(call).toMatchObject({ refused: { code: 'token_missing' }, passed: 0 })

  const ben = await shown(await pageOf(await token('ben')), workflowId, 'decoded')
  expect(ben).toContain(SECRET)
  expect(ben).toContain('until its deadline')
  const decoded = await asked('ben@acme.example')
  expect(decoded.some(({ passed }) => passed > 0)).toBe(true)
  for (const { origin, refused: why } of decoded) {
    expect(why).toBeNull()
    expect(origin).toBe(new URL(uiUrl()).origin)
  }

  const dora = await shown(await pageOf(await token('dora')), workflowId)
  expect(dora).not.toContain(SECRET)
  expect(dora).not.toContain('until its deadline')
  // What the pages have is shown, and not nothing.
  expect(dora.replace(/\s/g, '')).toMatch(/[A-Za-z0-9+/]{200}/)
  const kept = (await asked('1005')).flatMap(({ keys }) => keys)
  expect(new Set(kept.map(({ code }) => code))).toEqual(new Set(['scope_missing']))
}, 120_000)
