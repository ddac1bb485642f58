/** Writes `docs/audit-record.schema.json`, the JSON Schema of audit records. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { recordJsonSchema } from '../src/audit/record/schema.ts'

const FILE = join(import.meta.dirname, '..', 'docs', 'audit-record.schema.json')

/** What the file holds. */
export const recordSchemaText = (): string => `${JSON.stringify(recordJsonSchema(), undefined, 2)}\n`

if (process.argv[1] === import.meta.filename) writeFileSync(FILE, recordSchemaText())
