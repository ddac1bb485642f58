import { sql } from 'kysely'
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import proto from '@temporalio/proto'
import type { LedgerDatabase } from '../../src/ledger/database.ts'
import type { World } from '../support/world.ts'

const HistoryProto = proto.temporal.api.history.v1.History

/** Values that are planted, by where they are. */
export type Planted = Readonly<Record<string, string>>

/** Which planted values stand in some bytes: as they are, in base64 of any offset, or as hex. */
export function foundIn(bytes: Uint8Array, planted: Planted): readonly string[] {
  const buffer = Buffer.from(bytes)
  return Object.entries(planted).flatMap(([where, value]) => {
    const forms = [value, Buffer.from(value).toString('hex'), ...base64Forms(value)]
    return forms.some((form) => buffer.includes(form)) ? [where] : []
  })
}

/** A text within a longer one in base64: at each of the three offsets, without the ends that depend on what stands beside. */
function base64Forms(value: string): readonly string[] {
  return [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), Buffer.from(value)]).toString('base64')
    return text.slice(offset === 0 ? 0 : offset + 1, -4)
  })
}

/** The bytes of the history of a run, as the server stores it. */
export async function historyBytes({ temporal }: World, workflowId: string, runId?: string): Promise<Uint8Array> {
  return HistoryProto.encode(await temporal.workflow.getHandle(workflowId, runId).fetchHistory()).finish()
}

/** The bytes of the server's SQLite file, and of what it keeps beside it. */
export async function fileBytes(dbFile: string): Promise<Uint8Array> {
  const names = (await readdir(dirname(dbFile))).filter((name) => name.startsWith(basename(dbFile)))
  return Buffer.concat(await Promise.all(names.map((name) => readFile(join(dirname(dbFile), name)))))
}

/** Every row of every table of the schema `countersign`, by table. */
export async function ledgerBytes(db: LedgerDatabase): Promise<ReadonlyMap<string, Uint8Array>> {
  const { rows: tables } = await sql<{ name: string }>`
    SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'countersign'`.execute(db)
  const found = tables.map(async ({ name }) => {
    const { rows } = await sql<{ row: string }>`
      SELECT row_to_json(t)::text AS row FROM ${sql.table(`countersign.${name}`)} t`.execute(db)
    return [name, Buffer.from(rows.map(({ row }) => row).join('\n'))] as const
  })
  return new Map(await Promise.all(found))
}
