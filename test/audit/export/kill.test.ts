import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Sink } from '../../../src/audit/export/config.ts'
import { type LedgerDatabase, openDatabase } from '../../../src/ledger/database.ts'
import { outboxStanding } from '../../../src/ledger/outbox.ts'
import { sampleDatabase, type TestDatabase, until } from '../../support/world.ts'
import { hecServer } from './hec.ts'
import { enqueuedRun } from './records.ts'

const CHILD = join(import.meta.dirname, 'sender-child.ts')
const RUNS = 15
const EVENTS = 12

let database: TestDatabase
let db: LedgerDatabase
let folder: string
beforeAll(async () => {
  database = await sampleDatabase()
  db = openDatabase(database.url, () => {})
  folder = await mkdtemp(join(tmpdir(), 'countersign-export-'))
})
afterAll(async () => {
  await db.destroy()
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at)

/** A sender in a process of its own, that is killed at once when `kill` is called, and another then takes its place. */
function senders(sink: Sink) {
  let child: ChildProcess | undefined
  let kills = 0
  let isOver = false
  const start = (): void => {
    const next = spawn(process.execPath, [CHILD, database.url, JSON.stringify(sink)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child = next
    next.once('exit', () => {
      if (!isOver) start()
    })
  }
  start()
  return {
    kills: () => kills,
    kill(): void {
      if (child?.exitCode !== null || child.signalCode !== null) return
      kills += child.kill('SIGKILL') ? 1 : 0
    },
    /** Once what runs now does something. */
    async ready(): Promise<void> {
      if (child?.stdout) await once(child.stdout, 'data')
    },
    async [Symbol.asyncDispose](): Promise<void> {
      isOver = true
      const last = child
      if (last === undefined || last.exitCode !== null || last.signalCode !== null) return
      last.kill('SIGKILL')
      await once(last, 'exit')
    },
  }
}

const untilEmpty = (sink: Sink): Promise<true> =>
  until(
    'the outbox to be empty',
    async () => {
      const standing = (await outboxStanding(db)).sinks.find((one) => one.sink === sink.name)
      return standing?.waiting === 0 ? true : undefined
    },
    // Each that is killed has another started, on a machine that may be busy.
    150_000,
  )

/** By run, the place in its record of each event when it came first. */
function firstSeen(events: readonly { readonly id: string; readonly run: string; readonly seq: number }[]) {
  const seen = new Set<string>()
  const byRun = new Map<string, number[]>()
  for (const { id, run, seq } of events) {
    if (seen.has(id)) continue
    seen.add(id)
    byRun.set(run, [...(byRun.get(run) ?? []), seq])
  }
  return byRun
}

test.each([false, true])(
  'a sender that is killed before, in and after its requests loses nothing, and each run stays in order (acknowledged: %s)',
  async (acks) => {
    await using hec = await hecServer({ acks })
    const name = `killed-${acks}`
    const sink: Sink = {
      name,
      targets: [name],
      form: 'ocsf',
      kind: 'splunk_hec',
      url: hec.url,
      token: hec.token,
      index: undefined,
      host: undefined,
      sourcetype: 'countersign:ocsf',
      acknowledgeMs: 2_000,
      batchEvents: 10,
      batchBytes: 524_288,
    }
    const runs = await Promise.all(upTo(RUNS).map(() => enqueuedRun(db, EVENTS, name)))
    await using sender = senders(sink)
    let requests = 0
    // Before it is taken; taken, and nobody is told; told, and not written down.
    hec.onEvents = () => {
      requests += 1
      if (requests % 7 === 3) sender.kill()
    }
    hec.onTaken = () => {
      if (requests % 7 === 5) sender.kill()
      if (requests % 7 === 0) setTimeout(() => sender.kill(), 1)
    }
    await untilEmpty(sink)
    expect(sender.kills()).toBeGreaterThan(4)
    const seen = firstSeen(
      hec.indexed.map(({ fields }) => ({ id: fields.event_id, run: fields.run_key, seq: Number(fields.seq) })),
    )
    expect([...seen.keys()].toSorted()).toEqual(runs.toSorted())
    for (const run of runs) expect(seen.get(run)).toEqual(upTo(EVENTS))
  },
  180_000,
)

test('killed at any moment, a sender to a file leaves whole lines only, and all of them', async () => {
  const name = 'killed-file'
  const path = join(folder, 'killed', 'audit.jsonl')
  const sink: Sink = { name, targets: [name], form: 'native', kind: 'file', path, rotateBytes: 20_000 }
  const runs = await Promise.all(upTo(RUNS).map(() => enqueuedRun(db, EVENTS, name)))
  await using sender = senders(sink)
  const late: Promise<string>[] = []
  for (let kills = 0; kills < 8; kills += 1) {
    await sender.ready()
    await new Promise((resolve) => setTimeout(resolve, kills * 3))
    late.push(enqueuedRun(db, EVENTS, name))
    sender.kill()
    await until('the next sender', async () => (sender.kills() > kills ? true : undefined))
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  runs.push(...((await Promise.all(late)) as typeof runs))
  await untilEmpty(sink)
  const files = (await readdir(join(folder, 'killed'))).toSorted()
  // Those that were put aside come by their time, the one that is open last.
  const inOrder = [...files.filter((file) => file !== 'audit.jsonl'), 'audit.jsonl'].filter((file) =>
    files.includes(file),
  )
  const lines: { readonly id: string; readonly run: { readonly key: string }; readonly seq: number }[] = []
  for (const file of inOrder) {
    const text = await readFile(join(folder, 'killed', file), 'utf8')
    if (text === '') continue
    expect(text.endsWith('\n')).toBe(true)
    lines.push(
      ...text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    )
  }
  const seen = firstSeen(lines.map(({ id, run, seq }) => ({ id, run: run.key, seq })))
  for (const run of runs) expect(seen.get(run)).toEqual(upTo(EVENTS))
}, 180_000)
