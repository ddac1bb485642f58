/** Sends the outbox of a database to the collector or the file that the arguments name, until it is killed. */
import { Exporter } from '../../../src/audit/export/exporter.ts'
import { FileOutlet } from '../../../src/audit/export/file-outlet.ts'
import { SplunkOutlet } from '../../../src/audit/export/splunk-outlet.ts'
import type { Sink } from '../../../src/audit/export/config.ts'
import { openDatabase } from '../../../src/ledger/database.ts'

const [databaseUrl = '', text = ''] = process.argv.slice(2)
const sink = JSON.parse(text) as Sink
const exporter = new Exporter({
  db: openDatabase(databaseUrl, () => {}, { max: 3 }),
  config: { sinks: [sink], keepDays: 7 },
  lookEveryMs: 2,
  firstPauseMs: 1,
  leaseMs: 50,
  outletOf: (of) => {
    if (of.kind === 'file') return new FileOutlet(of)
    if (of.kind === 'splunk_hec') return new SplunkOutlet(of, { firstPollMs: 2 })
    throw new Error(`no sink of this test: ${of.kind}`)
  },
})
exporter.watch()
process.stdout.write('sends\n')
// Whatever waits in it does not keep the process alive.
setInterval(() => undefined, 1_000)
