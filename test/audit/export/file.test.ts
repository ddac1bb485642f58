import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FileOutlet } from '../../../src/audit/export/file-outlet.ts'
import type { OutboxEvent } from '../../../src/ledger/outbox.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-file-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const event = (seq: number, more = ''): OutboxEvent => ({
  id: String(seq),
  eventId: `e-${seq}`,
  runKey: 'w/r',
  seq,
  native: JSON.stringify({ seq, more }),
  ocsf: JSON.stringify({ ocsf: seq }),
})
const outletAt = (path: string, rotateBytes = 1_000_000, form: 'native' | 'ocsf' = 'native') =>
  new FileOutlet({ name: 'f', targets: ['f'], form, kind: 'file', path, rotateBytes })

test('each event is a line, in the form that the sink names; folders are made, and others cannot read it', async () => {
  const path = join(folder, 'new', 'deep', 'audit.jsonl')
  expect(await outletAt(path).deliver([event(0), event(1)])).toEqual({ came: 'sent' })
  expect(await outletAt(path, 1_000_000, 'ocsf').deliver([event(2)])).toEqual({ came: 'sent' })
  expect(await readFile(path, 'utf8')).toBe('{"seq":0,"more":""}\n{"seq":1,"more":""}\n{"ocsf":2}\n')
  expect((await stat(path)).mode & 0o007).toBe(0)
})

test.each([10, 70_000, 200_000])(
  'a torn line of %i characters is cut off before the next is written',
  async (length) => {
    const path = join(folder, `torn-${length}.jsonl`)
    const outlet = outletAt(path)
    await outlet.deliver([event(0)])
    await appendFile(path, `{"seq":1,"${'é'.repeat(length)}`)
    await outlet.deliver([event(1)])
    expect(await readFile(path, 'utf8')).toBe('{"seq":0,"more":""}\n{"seq":1,"more":""}\n')
    await writeFile(path, 'x'.repeat(length))
    await outlet.deliver([event(2)])
    expect(await readFile(path, 'utf8')).toBe('{"seq":2,"more":""}\n')
  },
)

test('a file that is large is put aside, and nothing of it is lost', async () => {
  const rotating = join(folder, 'rotating')
  const outlet = outletAt(join(rotating, 'audit.jsonl'), 500)
  for (let seq = 0; seq < 20; seq += 1) await outlet.deliver([event(seq, 'x'.repeat(100))])
  const files = await readdir(rotating)
  expect(files.length).toBeGreaterThan(3)
  expect(files.filter((name) => !/^audit(\.\d{4}-\d\d-\d\dT[\d-]+Z(-\d+)?)?\.jsonl$/.test(name))).toEqual([])
  const texts = await Promise.all(files.map((name) => readFile(join(rotating, name), 'utf8')))
  const seqs = texts.flatMap((text) => text.trimEnd().split('\n')).map((line) => JSON.parse(line).seq as number)
  expect(seqs.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, seq) => seq))
})

test('a file that cannot be written is told without its path, and tried again', async () => {
  const path = join(folder, 'a-folder')
  await mkdir(path)
  expect(await outletAt(path).deliver([event(0)])).toEqual({ came: 'again', why: 'Error EISDIR' })
})
