/**
 * Takes the screenshots of `docs/images`: the Temporal UI with a run that waits, one that was undone, and the lists
 * by state. Needs a Chromium; `CHROMIUM` names it, default `chromium`.
 */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { Client, Connection } from '@temporalio/client'
import { SAMPLE, type SampleOrder } from '../activities/records/sample.ts'
import { CountersignClient, type RunHandle } from '../src/client/index.ts'
import { runningStack, type StackInfo } from '../src/embedded/index.ts'

const root = join(import.meta.dirname, '..')
const images = join(root, 'docs', 'images')

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + 60_000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

async function shoot(page: Page, url: string, name: string, ready: string, click?: string): Promise<void> {
  await page.goto(url)
  if (click !== undefined) await page.getByText(click, { exact: true }).first().click()
  await page.getByText(ready).first().waitFor()
  await page.waitForTimeout(1_500)
  await page.screenshot({ path: join(images, `${name}.png`) })
  process.stderr.write(`docs/images/${name}.png\n`)
}

async function start(client: CountersignClient, id: string, order: SampleOrder, message: string): Promise<RunHandle> {
  return await client.start(
    'refund_request',
    { orderId: order.orderId, ticketId: order.ticketId, message },
    { principal: { subject: 'ana@acme.example', workspace: 'acme' }, workflowId: id },
  )
}

async function shootAll(stack: StackInfo): Promise<void> {
  const connection = await Connection.connect({ address: stack.temporalAddress })
  const client = new CountersignClient(new Client({ connection }))
  const waiting = await start(client, 'refund-tkt_1002', SAMPLE.large, 'It arrived damaged. I want my $120.00 back.')
  await until('a question', async () => (await waiting.status()).pending[0])
  const done = await start(client, 'refund-tkt_1001', SAMPLE.small, 'The mug arrived broken, please refund $20.00.')
  await done.outcome()
  const undone = await start(client, 'refund-tkt_1006', SAMPLE.undo, 'It is not what I ordered.')
  await undone.outcome()
  await undone.undo({ by: 'olga@acme.example', comment: 'the customer keeps it after all' })
  await undone.result()
  await connection.close()

  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  })
  const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } })
  const at = `${stack.uiUrl}/namespaces/default/workflows`
  const blocked = encodeURIComponent('CountersignState = "blocked"')
  await shoot(page, `${at}?query=${blocked}`, 'blocked', 'refund-tkt_1002')
  await shoot(page, `${at}/refund-tkt_1002`, 'waiting-details', 'Summary', 'User Metadata')
  await shoot(page, `${at}/refund-tkt_1002`, 'waiting', 'Timeline')
  await shoot(page, `${at}/refund-tkt_1006`, 'undone', 'Timeline')
  await browser.close()
}

const stateDir = await mkdtemp(join(tmpdir(), 'countersign-screens-'))
await mkdir(images, { recursive: true })
const dev = spawn(process.execPath, [join(root, 'src/cli/main.ts'), 'dev', '--state-dir', stateDir], {
  stdio: 'ignore',
})
try {
  const stack = await until('the stack', () => runningStack(stateDir))
  await until('the worker', async () => {
    const connection = await Connection.connect({ address: stack.temporalAddress }).catch(() => undefined)
    const found = await connection?.workflowService
      .describeTaskQueue({ namespace: 'default', taskQueue: { name: 'countersign' } })
      .catch(() => undefined)
    await connection?.close()
    return found?.pollers?.length ? found : undefined
  })
  await shootAll(stack)
} finally {
  dev.kill('SIGINT')
  await new Promise((resolve) => dev.once('exit', resolve))
  await rm(stateDir, { recursive: true, force: true })
}
