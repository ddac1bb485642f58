import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { countersign, useFolder } from './cli.ts'

const folder = useFolder()
const shipped = join(import.meta.dirname, '..', '..', 'policies', 'refund-request.yaml')

/** A policy of refunds with one rule in CEL; answers its name. */
async function withRule(name: string, cel: string): Promise<string> {
  const rule = `rules:\n  - { id: again, effect: deny, when: { cel: "${cel}" } }\n`
  await writeFile(join(folder(), name), `workflow: refund_request\n${rule}`)
  return name
}
const run = (...args: readonly string[]) => countersign(['policy', ...args], { cwd: folder() })

test('check reads the expression, and says what it does not look for; a mistake has its place in the expression', async () => {
  const sound = await run('check', await withRule('sound.yaml', 'refunded_total_usd > refund_amount_usd * 3'))
  expect(sound.stdout).toMatch(/^ok {2}sound\.yaml +refund_request +sha256:[0-9a-f]{64}\n$/)
  expect(sound.stderr).toBe(
    'sound.yaml:3:11 warning: inexact: `rules.again` is CEL: rules of `billing.refund` that never count, and gaps, were not looked for.\n' +
      '  say what operators can say in operators to have it looked at.\n',
  )
  expect(sound.code).toBe(0)

  const wrong = await run('check', await withRule('wrong.yaml', 'refunded_total_usd > refund_amout_usd * 3'))
  expect(wrong.stderr).toContain(
    'wrong.yaml:3:67 unknown fact `refund_amout_usd` in rules.again.cel.\n  did you mean `refund_amount_usd`?\n',
  )
  expect(wrong.code).toBe(3)
})

test('diff says that it is inexact, and finds no difference of meaning only in what is equal', async () => {
  const one = await withRule('one.yaml', 'refunded_total_usd > refund_amount_usd * 3')
  const other = await withRule('other.yaml', 'refund_amount_usd * 3 < refunded_total_usd')
  const note =
    'billing.refund: inexact: rules.again is CEL: samples were looked at. Each line is so of its example; more may differ.\n'
  expect(await run('diff', one, other)).toMatchObject({ code: 3, stdout: `no difference was found\n${note}` })
  expect(await run('diff', one, one)).toMatchObject({ code: 0, stdout: 'no difference of meaning\n' })

  const { code, stdout } = await run(
    'diff',
    one,
    await withRule('less.yaml', 'refunded_total_usd > refund_amount_usd * 3 + 10'),
  )
  expect(stdout).toMatch(/^billing\.refund: .*: deny → allow\n {2}such as .*\n/)
  expect(stdout.endsWith(note)).toBe(true)
  expect(code).toBe(3)
  const json = JSON.parse((await run('diff', one, other, '--json')).stdout) as object
  expect(json).toMatchObject({ same: false, exact: false, notes: [note.trimEnd()] })
})

test('explain tells the facts of the expression, and that there may be nearer values', async () => {
  await withRule('p.yaml', 'refunded_total_usd > refund_amount_usd * 3')
  const facts = JSON.stringify({ refund_amount_usd: 20, refunded_total_usd: 120 })
  const { code, stdout } = await run('explain', 'p.yaml', '--action', 'billing.refund', '--facts', facts)
  expect(stdout).toContain(
    "  matched    deny: `refunded_total_usd > refund_amount_usd * 3` holds: refunded_total_usd is $120.00 (a model's word), refund_amount_usd is $20.00 (a model's word) (rules.again)\n",
  )
  expect(stdout).toContain('  inexact    rules.again is CEL: there may be nearer values, and others\n')
  expect(code).toBe(0)
})

test('the shipped policy decides as before with CEL in place of its triggers, by its own decision table', async () => {
  const text = await readFile(shipped, 'utf8')
  const cases = await readFile(shipped.replace('.yaml', '.cases.yaml'), 'utf8')
  const changed = text
    .replace(' refund_amount_usd_gte: 50\n', '')
    .concat('rules:\n  - { id: large, effect: require_approval, when: { cel: "refund_amount_usd >= 50" } }\n')
  const own = join(folder(), 'own')
  await mkdir(own)
  await writeFile(join(own, 'refund-request.yaml'), changed)
  await writeFile(
    join(own, 'refund-request.cases.yaml'),
    cases
      .replaceAll(
        'requires_approval_if.refund_amount_usd_gte, requires_approval_if.customer_tier_in',
        'requires_approval_if.customer_tier_in, rules.large',
      )
      .replaceAll('requires_approval_if.refund_amount_usd_gte', 'rules.large'),
  )
  expect(await run('test', own)).toMatchObject({ code: 0, stdout: '14 cases, each as expected\n' })
})
