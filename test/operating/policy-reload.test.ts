import { randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, inject, test } from 'vitest'
import { digestOfText } from '../../src/contract/digest.ts'
import { countersign } from '../cli/cli.ts'
import { refunded, requestFor, resultOf, waitingRun } from '../cli/waiting-run.ts'
import { query, SHIPPED_POLICIES, until } from '../support/world.ts'
import { errors, refundsFrom, useLiveWorker } from './live.ts'
import { healthOf, workerBeside } from './shop.ts'

const FILE = 'refund-request.yaml'
const live = useLiveWorker()

const start = async (amountCents: number) => {
  const { order, request } = await requestFor(live.child(), { amountCents })
  const principal = { subject: 'ana@acme.example', workspace: 'acme' }
  const workflowId = `live-${randomUUID()}`
  return { order, handle: await live.child().client.start('refund_request', request, { principal, workflowId }) }
}

/** What became of a new refund: whether it was asked about, or how it ended. */
const decided = async (amountCents: number): Promise<string> => {
  const { handle } = await start(amountCents)
  return await until('a decision', async () => {
    const { pending, result } = await handle.status()
    return pending.length > 0 ? 'asked' : (result?.because?.code ?? result?.state)
  })
}

test('at the start the shipped text is in force, loaded once, and looked at from then on', async () => {
  const shipped = await readFile(join(SHIPPED_POLICIES, FILE), 'utf8')
  await live.inForce(shipped)
  expect(await live.files(() => true)).toEqual({
    name: 'policy-files',
    ok: true,
    what: 'in force, and looked at every 1 s',
  })
  const said = live.lines().filter(({ msg }) => msg.includes('playbook refund_request'))
  expect(said.map(({ msg }) => msg)).toEqual([`playbook refund_request, policy ${digestOfText(shipped)}`])
})

test('a changed threshold judges new runs without a restart, and a run that is open keeps its own to the end', async () => {
  const waiting = await waitingRun(live.child())
  await live.write(FILE, refundsFrom(100, 'deny_if'))
  await live.inForce(refundsFrom(100, 'deny_if'))
  expect(await decided(12_000)).toBe('denied_by_policy')
  expect(await decided(9_000)).toBe('completed')

  const { step, actionDigest } = waiting.pending
  await waiting.handle.decide({ step, actionDigest, decision: 'approve', by: 'ben@acme.example' })
  const result = await resultOf(waiting.handle)
  expect(result).toMatchObject({
    state: 'completed',
    policyDigest: digestOfText(await readFile(join(SHIPPED_POLICIES, FILE), 'utf8')),
  })
  expect(await refunded(live.child(), waiting.order)).toBe(12_000)
})

test('a broken file is told by line, metric and readiness, and the last good text stays in force until it is mended', async () => {
  const good = refundsFrom(60)
  await live.replace(FILE, good)
  await live.inForce(good)
  await live.replace(FILE, `${good}rollbak: {}\nmax_tool_calls: many\n`)
  const { ok, warning, what, todo } = await live.files((check) => check.warning === true)
  expect({ ok, warning, todo }).toEqual({
    ok: true,
    warning: true,
    todo: 'Mend the files, or put back what was there; see `countersign policy check`.',
  })
  const at = join(live.policies(), FILE)
  const problems = [
    `${at}:3:1 unknown key \`rollbak\`. did you mean \`rollback\`?`,
    `${at}:4:17 \`max_tool_calls\` must be a whole number from 0 to 1000000, got \`many\`. write it in digits.`,
  ]
  const words = 'the policy files changed and cannot be used; what was in force stays in force'
  expect(what).toBe(`${words}: ${problems.join('; ')}`)
  const counted = await live.failures('invalid')
  await until('it to be counted again', async () => ((await live.failures('invalid')) > counted ? true : undefined))
  // Once, however often it is looked at.
  expect(await live.says(words)).toMatchObject({ level: 'error', problems })
  expect(errors(live.lines())).toHaveLength(1)
  await live.inForce(good)
  expect(await decided(6_000)).toBe('asked')
  expect(await decided(5_900)).toBe('completed')

  const before = live.lines().length
  await live.replace(FILE, refundsFrom(70))
  await live.inForce(refundsFrom(70))
  // Those that changed, and no others.
  expect(await live.says('the changed policies are in force for new runs', before)).toMatchObject({
    policies: [{ workflow: 'refund_request', policyDigest: digestOfText(refundsFrom(70)), candidateDigest: null }],
  })
  expect((await live.files((check) => check.warning === undefined)).what).toBe('in force, and looked at every 1 s')
  expect(await decided(6_000)).toBe('completed')
  expect(live.lines().map(({ msg }) => msg)).not.toContain('the policies in force are those of the files again')
})

test('a removed file leaves the last good text in force, loudly, and putting it back ends that', async () => {
  const before = live.lines().length
  const good = await readFile(join(live.policies(), FILE), 'utf8')
  await live.remove(FILE)
  const { what } = await live.files((check) => check.warning === true)
  expect(what).toContain(`${FILE} does not exist. add it, with \`workflow: refund_request\` in it.`)
  const said = await live.says('the policy files changed and cannot be used; what was in force stays in force', before)
  expect(said).toMatchObject({ level: 'error', problems: [expect.stringContaining(FILE)] })
  expect(await decided(7_000)).toBe('asked')
  await live.replace(FILE, good)
  await live.files((check) => check.warning === undefined)
  expect(await live.says('the policies in force are those of the files again', before)).toMatchObject({
    level: 'info',
    from: 'countersign',
    policies: expect.arrayContaining([
      { workflow: 'refund_request', policyDigest: digestOfText(good), candidateDigest: null },
    ]),
  })
})

test('a file that is written in pieces is in force whole or not at all, and alarms nobody', async () => {
  const before = errors(live.lines()).length
  // What an editor has written of it so far would let every refund through, or is no policy.
  const pieces = [
    'workflow: refund_request\n',
    'requires_approval_if: { reason_contains: zebra }\n',
    'deny_if: {',
    ' refund_amount_usd_gte: 80 }\n',
  ]
  const file = await open(join(live.policies(), FILE), 'w')
  for (const piece of pieces) {
    await file.write(piece)
    await file.sync()
    await delay(450)
  }
  await file.close()
  await live.inForce(pieces.join(''))
  const { rows } = await query(
    live.child().databaseUrl,
    "SELECT text FROM countersign.policies WHERE text LIKE '%zebra%'",
  )
  expect(rows).toEqual([{ text: pieces.join('') }])
  expect(errors(live.lines()).slice(before)).toEqual([])
})

test('a ConfigMap that changes by the link above its files is in force', async () => {
  const before = errors(live.lines()).length
  const other = await readFile(join(live.policies(), 'support-request.yaml'), 'utf8')
  const version = async (name: string, text: string) => {
    const place = join(live.policies(), name)
    await mkdir(place)
    await writeFile(join(place, FILE), text)
    await writeFile(join(place, 'support-request.yaml'), other)
    await symlink(name, join(live.policies(), '..data_tmp'))
    await rename(join(live.policies(), '..data_tmp'), join(live.policies(), '..data'))
  }
  await version('..one', refundsFrom(90))
  for (const name of [FILE, 'support-request.yaml']) {
    await symlink(join('..data', name), join(live.policies(), `.${name}.new`))
    await rename(join(live.policies(), `.${name}.new`), join(live.policies(), name))
  }
  await live.inForce(refundsFrom(90))
  await version('..two', refundsFrom(95))
  await rm(join(live.policies(), '..one'), { recursive: true })
  await live.inForce(refundsFrom(95))
  expect(errors(live.lines()).slice(before)).toEqual([])
  expect(await decided(9_200)).toBe('completed')
})

test('what the database does not take is not in force, is told, and is once the database is back', async () => {
  const name = new URL(live.child().databaseUrl).pathname.slice(1)
  const admin = (text: string) => query(inject('databaseUrl'), text)
  await admin(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS false`)
  await admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`)
  await live.replace(FILE, refundsFrom(97))
  await until('it to be counted', async () => ((await live.failures('not_stored')) > 0 ? true : undefined))
  expect(await live.metrics()).not.toContain(digestOfText(refundsFrom(97)))
  const said = await live.says('the policy files changed and could not be stored; what was in force stays in force')
  expect(said).toMatchObject({
    level: 'error',
    problems: [expect.stringContaining('not currently accepting connections')],
  })
  await admin(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS true`)
  await live.inForce(refundsFrom(97))
  await live.files((check) => check.warning === undefined)
})

test('a worker that is told not to look keeps what it read at its start', async () => {
  const env = { COUNTERSIGN_POLICY_REFRESH_SECONDS: '0' }
  const worker = await workerBeside(live.child(), `${live.child().taskQueue}-once`, { cwd: live.folder(), env })
  const ready = await fetch(`${healthOf(worker)}/readyz`)
  expect(await ready.text()).toContain('read at the start; a change takes a restart')
  worker.signal('SIGTERM')
  expect(await worker.ended).toMatchObject({ code: 0 })
  const args = ['worker', '--policy-refresh-seconds', '3601']
  const { code, stderr } = await countersign(args, { env: live.child().env, cwd: live.folder() })
  expect(stderr).toContain('It must be a whole number from 0 to 3600')
  expect(code).toBe(2)
})
