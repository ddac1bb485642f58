import { randomUUID } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sampleThoughts, sampleTools } from '../../activities/index.ts'
import { backtest, decidedRuns } from '../../src/audit/backtest.ts'
import { enqueue } from '../../src/audit/export/enqueue.ts'
import { eventsOf } from '../../src/audit/export/event.ts'
import { recordOfRun } from '../../src/audit/record/record-of-run.ts'
import { reconcileId, type Sides } from '../../src/audit/sweep.ts'
import { backtestJson, backtestLines, triedFor } from '../../src/cli/backtest-text.ts'
import { digestOfText } from '../../src/contract/digest.ts'
import { runKeysOf } from '../../src/ledger/audited.ts'
import { liftStop, placeStop } from '../../src/ledger/stops.ts'
import { parsePolicy } from '../../src/policy/load/index.ts'
import { ledgerDataKeys } from '../../src/privacy/data-keys.ts'
import { erase } from '../../src/privacy/erase.ts'
import { createThinker } from '../../src/tools/models/thinker.ts'
import { prometheusOf } from '../../src/worker/prometheus.ts'
import { refundRequest } from '../../workflows/refund-request.ts'
import { type ObedientEndpoint, obedientEndpoint } from '../injection/obedient-endpoint.ts'
import { httpSink, mailSink } from '../notify/sinks.ts'
import { useOwnServer } from '../support/own-server.ts'
import { wordOf } from '../support/people.ts'
import { approvalOf, pendingOf, REQUESTER, startRefund } from '../support/refunds.ts'
import { query, startWorld, until, type World } from '../support/world.ts'
import { partsOf } from './erasing.ts'
import { testMasterKeys } from './keys.ts'
import { visits as visitsPlaybook } from './planted/playbook.ts'
import { talkativeTools } from './planted/tools.ts'
import { type PlantedValues, plantedValues } from './planted/values.ts'
import { fileBytes, foundIn, historyBytes, ledgerBytes } from './searched.ts'

const HERE = join(import.meta.dirname, 'planted')
const masterKeys = testMasterKeys()
const files = [mkdtempSync(join(tmpdir(), 'planted-')), mkdtempSync(join(tmpdir(), 'planted-plain-'))].map((dir) =>
  join(dir, 'temporal.db'),
)
const [encryptedFile = '', plainFile = ''] = files
const addresses = {
  encrypted: useOwnServer([], { dbFile: encryptedFile }),
  plain: useOwnServer([], { dbFile: plainFile }),
}

/** A world, and everything that came out of it. */
interface Stage {
  readonly world: World
  readonly planted: PlantedValues
  readonly handed: string[]
  readonly endpoint: ObedientEndpoint
  readonly hook: Awaited<ReturnType<typeof httpSink>>
  readonly mail: Awaited<ReturnType<typeof mailSink>>
  readonly metrics: ReturnType<typeof prometheusOf>
  readonly file: string
  readonly ran: Ran
}
const stages = new Map<keyof typeof addresses, Stage>()
const stageOf = (which: keyof typeof addresses): Stage => {
  const stage = stages.get(which)
  if (stage === undefined) throw new Error('it was not started')
  return stage
}

async function open(which: keyof typeof addresses, file: string): Promise<void> {
  const planted = plantedValues()
  const handed: string[] = []
  const [endpoint, hook, mail] = await Promise.all([obedientEndpoint(), httpSink(), mailSink()])
  const metrics = prometheusOf()
  const everybody = { groups: null, playbooks: null } as const
  const world = await startWorld({
    address: addresses[which],
    ...(which === 'encrypted' && { masterKeys }),
    workflows: join(HERE, 'playbooks.ts'),
    policies: join(HERE, 'policies'),
    tools: [...sampleTools, ...talkativeTools(planted, handed)],
    thinker: createThinker({ models: endpoint.models, deterministic: sampleThoughts, env: {} }),
    secrets: [{ name: 'the test', find: () => Promise.resolve(planted['secret of a tool']) }],
    observer: metrics.observer,
    notify: {
      link: null,
      channels: [
        { name: 'hook', kind: 'webhook', url: hook.url, secret: 's', ...everybody },
        { name: 'mail', kind: 'smtp', url: mail.url, from: 'c@acme.example', to: ['team@acme.example'], ...everybody },
      ],
    },
  })
  const parts = { world, planted, handed, endpoint, hook, mail, metrics, file }
  stages.set(which, { ...parts, ran: await runAll(parts) })
}

beforeAll(async () => {
  await open('encrypted', encryptedFile)
  await open('plain', plainFile)
}, 120_000)
afterAll(async () => {
  for (const { world, endpoint, hook, mail } of stages.values()) {
    await world.stop()
    await endpoint.stop()
    await hook[Symbol.asyncDispose]()
    await mail[Symbol.asyncDispose]()
  }
})

interface Ran {
  readonly workflowIds: readonly string[]
  readonly customer: string
  readonly orderId: string
}

/** A refund that is refused to its requester, approved and undone; visits that are made, broken off, rejected and handed over. */
async function runAll({ world, planted, endpoint, hook, mail }: Omit<Stage, 'ran'>): Promise<Ran> {
  const words = [
    `I am ${planted['name in a record']}, ${planted['e-mail in the message']}, ${planted['phone in the message']}.`,
    `My card is ${planted['card in the message']}, my account ${planted['IBAN in the message']}.`,
    `${planted['API key in the message']} ${planted['password in the message']} ${planted['words of the message']}`,
    `I live at ${planted['street in the message']}. It arrived broken, please refund $120.00.`,
  ]
  const { run: refund, order } = await startRefund(
    {
      ...world,
      client: {
        start: async (playbook: string, request: { readonly orderId: string }, options: object) => {
          await query(world.databaseUrl, 'UPDATE records.customers SET name = $2, email = $3 WHERE id = $1', [
            request.orderId.replace('ord_', 'cus_'),
            planted['name in a record'],
            planted['e-mail in a record'],
          ])
          const answer = { category: 'damaged', reason: planted['what a model answered'], asksFor: 'everything' }
          endpoint.obey(request.orderId, [{ ...answer, amount: null }])
          return await world.client.start(playbook, request, options)
        },
      } as unknown as World['client'],
    },
    { amountCents: 12_000, message: words.join(' ') },
  )
  const question = await pendingOf(refund)
  const own = { ...approvalOf(question, 'ana@acme.example'), comment: planted['comment of a refused decision'] }
  expect(await refund.decide(own)).toMatchObject({ accepted: false })
  await refund.decide({ ...approvalOf(question), comment: planted['comment of an approval'] })
  expect(await refund.outcome()).toMatchObject({ state: 'completed' })
  await refund.undo({ comment: planted['comment of an undo'], by: 'olga@acme.example' })
  expect(await refund.result()).toMatchObject({ state: 'reverted' })

  const visit = async (why: string, breaks = false) =>
    await world.client.start(
      'visits',
      { patient: planted['patient of a request'], why, breaks },
      { principal: REQUESTER, workflowId: `visit-${randomUUID()}` },
    )
  const why = `a visit for ${planted['reason of a visit']}\nand ${'more words than anybody quotes '.repeat(5)}`
  const made = await visit(why)
  await made.decide(approvalOf(await pendingOf(made)))
  expect(await made.outcome()).toMatchObject({ state: 'completed' })
  await made.undo({ by: 'olga@acme.example' })
  expect(await made.result()).toMatchObject({ state: 'reverted' })

  const broken = await visit(why, true)
  expect(await broken.outcome()).toMatchObject({ state: 'failed', because: { code: 'tool_failed' } })

  const rejected = await visit(why)
  const { step, actionDigest } = await pendingOf(rejected)
  const no = { decision: 'reject', by: 'ben@acme.example', comment: planted['comment of a rejection'] } as const
  await rejected.decide({ step, actionDigest, ...no })
  expect(await rejected.outcome()).toMatchObject({ state: 'refused' })

  const stopped = await visit(why)
  const asked = await pendingOf(stopped)
  const tool = { scope: 'tool', name: 'visits.book' } as const
  await placeStop(world.db, tool, wordOf('stop', tool, 'otto', 'for a test'))
  await stopped.decide(approvalOf(asked))
  const incident = await until('the incident', async () => (await stopped.status()).incidents[0])
  const settled = { step: incident.step, resolution: 'settled', by: 'otto' } as const
  await stopped.resolve({ ...settled, comment: planted['comment of a resolution'] })
  await stopped.outcome()
  await liftStop(world.db, tool, wordOf('resume', tool, 'otto', 'over'))

  const runs = [refund, made, broken, rejected, stopped]
  await until('the notifications', async () => (hook.came.length > 3 && mail.messages.length > 3 ? true : undefined))
  await until('the runs in visibility', async () => {
    const listed = (await world.client.list({ limit: 100 })).map(({ workflowId }) => workflowId)
    return runs.every(({ workflowId }) => listed.includes(workflowId)) ? true : undefined
  })
  return { workflowIds: runs.map(({ workflowId }) => workflowId), customer: order.customerId, orderId: order.orderId }
}

const NOTHING = new Uint8Array()

/** Whatever can be read without a key, by what it is. */
async function surfacesOf(
  { world, ran, endpoint, hook, mail, metrics, file }: Stage,
  keys?: typeof masterKeys,
): Promise<Readonly<Record<string, Uint8Array>>> {
  const { workflowIds, orderId } = ran
  const histories = await Promise.all(workflowIds.map((workflowId) => historyBytes(world, workflowId)))
  const shown = await Promise.all(
    workflowIds.map(async (workflowId) => (await world.temporal.workflow.getHandle(workflowId).describe()).raw),
  )
  const sides = {
    client: world.temporal,
    db: world.db,
    ...(keys && { keys: ledgerDataKeys(world.db, keys) }),
  }
  const reports = await Promise.all(workflowIds.map((workflowId) => reconcileId(sides, workflowId)))
  const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
  return {
    histories: Buffer.concat(histories),
    'search attributes, memos and what describes a run': json(shown),
    'the list of runs': json(await world.client.list({ limit: 100 })),
    'the file of the Temporal server': await fileBytes(file),
    'prompts of the model': json(endpoint.prompts(orderId)),
    webhooks: json(hook.came),
    mail: json(mail.messages),
    metrics: json(await metrics.text()),
    reports: json(reports),
    'the outbox': await exported(sides, workflowIds),
    'what another policy would have said': await backtested(sides, world.taskQueue),
    ...Object.fromEntries([...(await ledgerBytes(world.db))].map(([table, bytes]) => [`table ${table}`, bytes])),
  }
}

const ALL = { level: 'evidence', redacted: [] } as const

/** What leaves for a SIEM, of records that are read with all keys. */
async function exported(sides: Sides, workflowIds: readonly string[]): Promise<Uint8Array> {
  const contracts = new Map(
    [refundRequest.contract, visitsPlaybook.contract].map((contract) => [contract.name, contract]),
  )
  const sent: unknown[] = []
  for (const runKey of (await Promise.all(workflowIds.map((id) => runKeysOf(sides.db, id)))).flat()) {
    const record = (await recordOfRun(sides, 'default', runKey))?.record
    if (record === undefined) throw new Error('it has no record')
    expect(record.entries.filter(({ proof }) => proof === 'sealed')).toEqual([])
    await enqueue(sides.db, record, contracts)
    sent.push(eventsOf(record, ALL, contracts), eventsOf(record, ALL, new Map()))
  }
  return Buffer.from(JSON.stringify(sent))
}

/** What `policy backtest` prints of the visits, by rules that quote what the patient wrote. */
async function backtested(sides: Sides, taskQueue: string): Promise<Uint8Array> {
  const text =
    'workflow: visits\nrules: [{ id: two, effect: deny, when: { cel: why != day } }]\ndeny_if: { why_ne: x }\n'
  const loaded = parsePolicy(text, digestOfText(text), [visitsPlaybook.contract])
  if (!loaded.ok) throw new Error(JSON.stringify(loaded))
  const candidate = {
    file: 'f',
    digest: 'd',
    policy: loaded.policy,
    contract: visitsPlaybook.contract,
    playbook: 'visits',
  }
  const which = { since: null, until: null, playbook: 'visits' }
  const runs = await decidedRuns(sides, taskQueue, which)
  const found = { ...backtest(loaded.policy, visitsPlaybook.contract, runs), since: null, until: null }
  expect(found.changed).toBeGreaterThan(0)
  const tried = triedFor('export', found, visitsPlaybook.contract)
  return Buffer.from(JSON.stringify([backtestJson(candidate, tried), backtestLines(candidate, tried)]))
}

test('of all that was planted nothing stands in the clear anywhere but in the systems of record', async () => {
  const stage = stageOf('encrypted')
  expect(stage.handed).toContain(stage.planted['secret of a tool'])
  const {
    'prompts of the model': prompts = NOTHING,
    webhooks = NOTHING,
    mail = NOTHING,
    'the outbox': outbox = NOTHING,
    'table outbox': outboxTable = NOTHING,
    ...rest
  } = await surfacesOf(stage, masterKeys)
  const { customer, orderId } = stage.ran
  const everything = { ...stage.planted, customer, orderId }
  expect(
    Object.entries(rest).flatMap(([name, bytes]) => foundIn(bytes, everything).map((one) => `${name}: ${one}`)),
  ).toEqual([])
  // Who has to answer, and who looks after security, is told which order it is about.
  const leaving = [webhooks, mail, outbox, outboxTable]
  expect(leaving.flatMap((bytes) => foundIn(bytes, stage.planted))).toEqual([])
  expect(outboxTable.length).toBeGreaterThan(10_000)
  // What steps are called is the same in every run, and whoever looks at Temporal's pages may read it.
  expect(foundIn(rest['histories'] ?? NOTHING, { title: 'look the order up' })).toEqual(['title'])
  // A model has to read what somebody wants; a name and a street that nobody told this step are words to it.
  const toRead = ['name in a record', 'words of the message', 'street in the message']
  expect(foundIn(prompts, stage.planted)).toEqual(toRead)
})

test('without keys the same search finds all but what no reader is shown', async () => {
  const stage = stageOf('plain')
  const surfaces = Object.entries(await surfacesOf(stage))
  const found = new Set(surfaces.flatMap(([, bytes]) => foundIn(bytes, stage.planted)))
  // A secret is resolved in its tool, and of a tool's error no host passes on more than message and details.
  const nowhere = ['secret of a tool', 'message of a cause', 'stack of a cause']
  expect(Object.keys(stage.planted).filter((where) => !found.has(where))).toEqual(nowhere)
})

test('once somebody was erased nobody reads anything of him, and what another one has is as it was', async () => {
  const { world, planted, ran } = stageOf('encrypted')
  const [refund = '', ...visits] = ran.workflowIds
  const erased = await erase(partsOf(world, masterKeys), {
    subject: planted['patient of a request'],
    reason: 'asked for it',
    by: 'olga@acme.example',
  })
  expect(erased).toMatchObject({ came: 'erased', isOver: true })
  const keys = ledgerDataKeys(world.db, masterKeys)
  const { rows } = await query(
    world.databaseUrl,
    'SELECT key_id FROM countersign.data_keys WHERE workflow_id = ANY($1)',
    [visits],
  )
  expect(rows).toHaveLength(visits.length)
  for (const { key_id: keyId } of rows) {
    await expect(keys.keyById(String(keyId))).rejects.toMatchObject({ type: 'payload_erased' })
  }
  const { rows: blobs } = await query(
    world.databaseUrl,
    'SELECT count(*)::int AS count FROM countersign.blobs WHERE key_id = ANY($1)',
    [rows.map(({ key_id: keyId }) => keyId)],
  )
  expect(blobs).toEqual([{ count: 0 }])
  for (const workflowId of visits) {
    await expect(world.client.run(workflowId).status()).rejects.toThrow(/Encoded failure|destroyed/)
    await expect(world.client.run(workflowId).result()).rejects.toThrow(/payload_erased|destroyed/)
  }
  // Nor has looking at it made a key anew.
  const { rows: live } = await query(
    world.databaseUrl,
    'SELECT workflow_id FROM countersign.data_keys WHERE workflow_id = ANY($1) AND wrapped IS NOT NULL',
    [visits],
  )
  expect(live).toEqual([])
  expect(await world.client.run(refund).status()).toMatchObject({ state: 'reverted' })
})
