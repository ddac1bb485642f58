import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { digestOfText } from '../../src/contract/digest.ts'
import { developmentIssuer } from '../../src/identity/statements.ts'
import { type LedgerDatabase, openDatabase } from '../../src/ledger/database.ts'
import { migrateLedger } from '../../src/ledger/migrations.ts'
import { seePerson, storeDelegation } from '../../src/ledger/people.ts'
import { storePolicy } from '../../src/ledger/policies.ts'
import { countersign, useFolder } from '../cli/cli.ts'
import { mappingText } from '../gateway/gateway-world.ts'
import { query, freshDatabase, SHIPPED_POLICIES } from '../support/world.ts'
import { person, signed } from './office.ts'

/* What operators say of people, on the ledger alone. */
const folder = useFolder()
let db: LedgerDatabase
let databaseUrl = ''
let drop: () => Promise<void>

beforeAll(async () => {
  const fresh = await freshDatabase()
  databaseUrl = fresh.url
  drop = fresh.drop
  db = openDatabase(databaseUrl, () => {})
  await migrateLedger(db)
  developmentIssuer(join(folder(), '.countersign'))
  const text = `${await readFile(join(SHIPPED_POLICIES, 'refund-request.yaml'), 'utf8')}approvals: { who: [finance] }\n`
  await storePolicy(db, { digest: digestOfText(text), workflow: 'refund_request', text })
})
afterAll(async () => {
  await db.destroy()
  await drop()
})

const run = (...args: readonly string[]) => countersign(args, { cwd: folder(), env: { DATABASE_URL: databaseUrl } })
const BY = ['--by', 'olga@acme.example'] as const
const seen = async (name: string) => {
  const { subject, issuer, groups } = person(name, ['approvers'])
  await seePerson(db, { subject, issuer, groups, workspaces: ['boxes'], tokenAt: new Date() })
  return subject
}

test('who withdrew somebody, and who let him count again, is kept and shown as not proved', async () => {
  const subject = await seen('gus')
  const withdrawn = await run('people', 'withdraw', subject, '--reason', 'left', ...BY)
  expect(withdrawn).toEqual({ code: 0, stdout: `what ${subject} says does not count any more\n`, stderr: '' })
  const { stdout } = await run('people', 'list')
  expect(stdout).toMatch(/^withdrawn +gus\S* +everything +since \S+ +by olga@acme\.example \(not proved\): left$/m)
  const restored = await run('people', 'restore', subject, '--by', 'otto', '--json')
  expect(JSON.parse(restored.stdout)).toMatchObject({
    lifted: [{ subject, by: 'olga@acme.example (not proved)', liftedBy: 'otto (not proved)' }],
  })
  expect((await run('people', 'list')).stdout).not.toContain('gus')
  const { rows } = await query(databaseUrl, 'SELECT withdrawn_by, lifted_by FROM countersign.withdrawals')
  expect(rows).toEqual([{ withdrawn_by: 'olga@acme.example (not proved)', lifted_by: 'otto (not proved)' }])
})

test.each([
  ['withdraw', ['ben', '--reason', 'left']],
  ['restore', ['ben']],
])('people %s by nobody is a usage error, and changes nothing', async (what, args) => {
  const before = await query(databaseUrl, 'SELECT count(*) FROM countersign.withdrawals WHERE lifted_at IS NULL')
  const { code, stderr } = await run('people', what, ...args)
  expect([code, stderr]).toEqual([2, expect.stringContaining("required option '--by <subject>' not specified")])
  const after = await query(databaseUrl, 'SELECT count(*) FROM countersign.withdrawals WHERE lifted_at IS NULL')
  expect(after.rows).toEqual(before.rows)
})

test('of somebody of whom nobody has heard that is said, with who may be meant; it is withdrawn all the same', async () => {
  const subject = await seen('hannah')
  const near = await run('people', 'withdraw', subject.replace('hannah', 'hanna'), '--reason', 'left', ...BY)
  expect(near).toMatchObject({
    code: 0,
    stderr: `Nobody has heard of \`${subject.replace('hannah', 'hanna')}\` yet: check the name. Did you mean \`${subject}\`?\n`,
  })
  const { stderr } = await run('people', 'withdraw', 'q', '--reason', 'left', ...BY)
  expect(stderr).toBe('Nobody has heard of `q` yet: check the name.\n')
  expect(await run('people', 'withdraw', subject.toUpperCase(), '--reason', 'left', ...BY)).toMatchObject({
    code: 0,
    stderr: '',
  })
  expect((await run('people', 'list', '--json')).stdout).toContain('"subject": "q"')
})

test('another name of somebody in `identity.yaml` withdraws him himself, and says so', async () => {
  const subject = await seen('ida')
  const mapping = mappingText('https://login.acme.example').replace(
    /people:[\s\S]*/,
    `people: { ${subject}: ['ida-admin'] }\n`,
  )
  await writeFile(join(folder(), 'names.yaml'), mapping)
  const args = ['people', 'withdraw', 'IDA-admin', '--reason', 'left', '--identity', 'names.yaml', ...BY]
  expect(await run(...args)).toEqual({
    code: 0,
    stdout: `what ${subject} says does not count any more\n`,
    stderr: `In \`names.yaml\` \`IDA-admin\` is another name of \`${subject}\`, who is meant.\n`,
  })
})

test('delegations that do not count are not listed, and are again once somebody counts again', async () => {
  const delegated = async (from: string, to: string, group = 'approvers') => {
    const until = new Date(Date.now() + 3_600_000).toISOString()
    await storeDelegation(db, signed({ kind: 'delegate', to: person(to).subject, group, until }, person(from, [group])))
    return `${person(from).subject} to ${person(to).subject}`
  }
  const [kept, left, moved, other, taken, gone] = await Promise.all([
    delegated('kate', 'lea'),
    delegated('liam', 'lea'),
    delegated('mona', 'lea'),
    delegated('nora', 'lea', 'support'),
    delegated('kate', 'oscar'),
    delegated('paul', 'lea'),
  ])
  const withdraw = async (name: string, ...args: readonly string[]) =>
    await run('people', 'withdraw', person(name).subject, '--reason', 'left', ...BY, ...args)
  await withdraw('liam')
  await withdraw('mona', '--group', 'approvers')
  await withdraw('nora', '--group', 'approvers')
  await withdraw('oscar')
  const paul = person('paul')
  await seePerson(db, {
    subject: paul.subject,
    issuer: paul.issuer,
    groups: [],
    workspaces: [paul.workspace],
    tokenAt: new Date(),
  })
  const { stdout } = await run('people', 'list')
  for (const shown of [kept, other]) expect(stdout).toContain(shown)
  for (const hidden of [left, moved, taken, gone]) expect(stdout).not.toContain(hidden)
  await run('people', 'restore', person('liam').subject, ...BY)
  expect((await run('people', 'list')).stdout).toContain(left)
})

test('a delegation says in which workspace it counts, and of a group that nothing names, that', async () => {
  const until = new Date(Date.now() + 3_600_000).toISOString()
  const delegate = (group: string, ...more: readonly string[]) =>
    run('delegate', '--to', 'ben', '--group', group, '--until', until, ...BY, ...more)
  expect(await delegate('finance')).toEqual({
    code: 0,
    stdout: `ben may speak for olga@acme.example in the group finance, in the workspace default alone, until ${until}\n`,
    stderr: '',
  })
  expect(await delegate('finanz', '--workspace', 'acme')).toEqual({
    code: 0,
    stdout: `ben may speak for olga@acme.example in the group finanz, in the workspace acme alone, until ${until}\n`,
    stderr: 'No policy and no mapping names the group `finanz`: check the name. Did you mean `finance`?\n',
  })
  await writeFile(join(folder(), 'identity.yaml'), mappingText('https://login.acme.example'))
  expect(await delegate('refund-approvers')).toMatchObject({ code: 0, stderr: '' })
})
