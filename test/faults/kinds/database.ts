import pg from 'pg'
import type { Fault } from '../fault.ts'
import { pause, type Servers } from '../servers.ts'

const SETTING = 'default_transaction_read_only'

/** For all sessions, those that are open too. */
async function readOnly(servers: Servers, isOn: boolean): Promise<void> {
  const client = new pg.Client({ connectionString: servers.postgres.url })
  await client.connect()
  try {
    await client.query(`SET ${SETTING} = off`)
    await client.query(`ALTER SYSTEM SET ${SETTING} = ${isOn ? 'on' : 'off'}`)
    await client.query('SELECT pg_reload_conf()')
  } finally {
    await client.end()
  }
}

const becomesReadOnly: Fault = {
  name: 'the database is read-only for a while',
  wish: {},
  async strike({ stage, random }) {
    await pause(random.below(600))
    await readOnly(stage.servers, true)
    try {
      await pause(1_500)
    } finally {
      await readOnly(stage.servers, false)
    }
    return 1
  },
}

/** Takes what connections are left, and breaks those that the workers have. */
async function exhaust(servers: Servers): Promise<readonly pg.Client[]> {
  const taken: pg.Client[] = []
  for (;;) {
    const client = new pg.Client({ connectionString: servers.postgres.url })
    client.on('error', () => {})
    try {
      await client.connect()
      taken.push(client)
    } catch {
      // 53300, too many clients: there are none left.
      break
    }
  }
  await taken[0]?.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
     AND application_name = '' AND pid <> ALL($1::int[])`,
    [taken.map((client) => (client as unknown as { processID: number }).processID)],
  )
  return taken
}

const noConnections: Fault = {
  name: 'all connections of the database are taken',
  wish: {},
  async strike({ stage, random }) {
    await pause(random.below(600))
    const taken = await exhaust(stage.servers)
    await pause(1_500)
    await Promise.all(taken.map((client) => client.end()))
    return taken.length > 10 ? 1 : 0
  },
}

const onePool: Fault = {
  name: 'a worker has a single connection, and the ledger is locked for a while',
  wish: {},
  async arm({ stage }) {
    const parts = { ...stage.partsOf(stage.victim), connections: 1 }
    await stage.victim.replace(parts, { ...stage.workerOptions(), isSpecial: true })
  },
  async strike({ stage, random }) {
    await pause(random.below(600))
    await stage.servers.query(`
      BEGIN; LOCK TABLE countersign.effects IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(1.5); COMMIT`)
    return 1
  },
}

const brokenConnections: Fault = {
  name: 'the connections of the database break again and again',
  wish: {},
  async strike({ stage }) {
    for (let time = 0; time < 4; time += 1) {
      await pause(350)
      await stage.servers.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
      )
    }
    return 4
  },
}

export const databaseFaults: readonly Fault[] = [becomesReadOnly, noConnections, onePool, brokenConnections]
