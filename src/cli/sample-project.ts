import type { Kysely } from 'kysely'
import { existsSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import type { Project } from '../worker/project.ts'
import { sampleThoughts, sampleTools } from '../../activities/index.ts'
import { migrateRecords } from '../../activities/records/migrate.ts'
import { seedRecords } from '../../activities/records/seed.ts'

const home = join(import.meta.dirname, '..', '..')
/** The policies lie beside `dist` in the package, and beside `src` in the source. */
const policies = [join(home, 'policies'), join(dirname(home), 'policies')].find(existsSync) ?? home

/** The shipped playbooks on the sample systems of record: what the commands run where there is no project file. */
export const sampleProject: Project = {
  workflows: join(home, 'workflows', `index${extname(import.meta.filename)}`),
  tools: sampleTools,
  policies,
  deterministic: sampleThoughts,
  migrate: (db) => migrateRecords(db as unknown as Kysely<unknown>),
  seed: (db) => seedRecords(db as unknown as Kysely<unknown>),
}
