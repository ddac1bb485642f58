/**
 * Takes the screenshots of `docs/images`: the Temporal UI with the list of runs that wait, two histories, and the details of a run that
 * waits, was approved, has a candidate's verdict, wants more than its budget, or ended as a draft. Needs a Chromium; `CHROMIUM` names it,
 * default `/usr/bin/chromium`.
 */
import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { Client, Connection } from '@temporalio/client'
import { SAMPLE, type SampleOrder } from '../activities/records/sample.ts'
import { CountersignClient, developmentStatements, type PendingApproval, type RunHandle } from '../src/client/index.ts'
import { runningStack, type StackInfo } from '../src/embedded/index.ts'
import { developmentIssuer } from '../src/identity/statements.ts'

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

async function shoot(page: Page, url: string, name: string, ready: string): Promise<void> {
  await page.goto(url)
  await page.getByText(ready).first().waitFor()
  await page.waitForTimeout(1_500)
  await page.screenshot({ path: join(images, `${name}.png`) })
  process.stderr.write(`docs/images/${name}.png\n`)
}

/** What the shipped policies do not lead to: a candidate that says otherwise, a budget that is asked for, a draft. */
async function writeProject(folder: string): Promise<string> {
  const policies = join(folder, 'policies')
  await cp(join(root, 'policies'), policies, { recursive: true })
  const refund = join(policies, 'refund-request.yaml')
  const shipped = await readFile(refund, 'utf8')
  await writeFile(refund, `${shipped.trimEnd()}\nbudget:\n on_exceeded: ask\n`)
  await writeFile(
    join(policies, 'refund-request.candidate.yaml'),
    shipped.replace('refund_amount_usd_gte: 50', 'refund_amount_usd_gte: 10'),
  )
  const support = join(policies, 'support-request.yaml')
  const drafting = (await readFile(support, 'utf8')).replace('refund_amount_usd_gte: 50', 'refund_amount_usd_gte: 500')
  await writeFile(support, `autonomy: suggest\n${drafting}`)
  const config = join(folder, 'countersign.config.ts')
  const sample = JSON.stringify(join(root, 'src/cli/sample-project.ts'))
  const project = `{ ...sampleProject, policies: ${JSON.stringify(policies)} }`
  await writeFile(config, `import { sampleProject } from ${sample}\nexport const project = ${project}\n`)
  return config
}

const START_AS = { subject: 'ana@acme.example', workspace: 'acme' }

const asked = (run: RunHandle): Promise<PendingApproval> =>
  until('a question', async () => (await run.status()).pending[0])

/** Runs of the sample, each in the state that its picture shows. */
async function playAll(client: CountersignClient): Promise<void> {
  const start = async (id: string, order: SampleOrder, message: string, playbook = 'refund_request') => {
    const { orderId, ticketId } = order
    return await client.start(playbook, { orderId, ticketId, message }, { principal: START_AS, workflowId: id })
  }
  await asked(await start('refund-tkt_1002', SAMPLE.large, 'It arrived damaged. I want my $120.00 back.'))
  await asked(await start('refund-tkt_1007', SAMPLE.manyParcels, 'My order never arrived. I want $40.00 back.'))
  const small = await start('refund-tkt_1001', SAMPLE.small, 'The mug arrived broken, please refund $20.00.')
  await small.outcome()
  const approved = await start('refund-tkt_1003', SAMPLE.enterprise, 'Wrong colour, please refund $30.00.')
  const { step, actionDigest } = await asked(approved)
  await approved.decide({ step, actionDigest, decision: 'approve', by: 'ben@acme.example', comment: 'photos seen' })
  await approved.outcome()
  const undone = await start('refund-tkt_1006', SAMPLE.undo, 'It is not what I ordered.')
  await undone.outcome()
  await undone.undo({ by: 'olga@acme.example', comment: 'the customer keeps it after all' })
  await undone.result()
  const draft = await start('support-tkt_1004', SAMPLE.fraud, 'It broke, please refund $35.00.', 'support_request')
  await draft.result()
}

async function shootAll(stack: StackInfo): Promise<void> {
  const connection = await Connection.connect({ address: stack.temporalAddress })
  const statements = developmentStatements(developmentIssuer(stateDir))
  const client = new CountersignClient(new Client({ connection }), { statements })
  await playAll(client)

  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  })
  const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } })
  const at = `${stack.uiUrl}/namespaces/default/workflows`
  const blocked = encodeURIComponent('CountersignState = "blocked"')
  await shoot(page, `${at}?query=${blocked}`, 'blocked', 'refund-tkt_1002')
  await shoot(page, `${at}/refund-tkt_1002`, 'waiting', 'Timeline')
  await shoot(page, `${at}/refund-tkt_1006`, 'undone', 'Timeline')
  // As long as what they hold.
  await page.setViewportSize({ width: 1400, height: 1900 })
  for (const [id, name] of DETAILS) {
    const { runId } = await client.run(id).summary()
    await shoot(page, `${at}/${id}/${runId}/user-metadata`, name, 'Current Details')
  }
  await browser.close()
  await connection.close()
}

/** The runs of which the details are shown, and under which name. */
const DETAILS = [
  ['refund-tkt_1002', 'waiting-details'],
  ['refund-tkt_1003', 'approved'],
  ['refund-tkt_1001', 'candidate'],
  ['refund-tkt_1007', 'budget'],
  ['support-tkt_1004', 'draft'],
] as const

const stateDir = await mkdtemp(join(tmpdir(), 'countersign-screens-'))
await mkdir(images, { recursive: true })
const config = await writeProject(stateDir)
const dev = spawn(
  process.execPath,
  [join(root, 'src/cli/main.ts'), 'dev', '--state-dir', stateDir, '--config', config],
  {
    stdio: ['ignore', 'ignore', 'inherit'],
  },
)
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
