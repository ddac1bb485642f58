import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { sarifOf } from '../../src/cli/policy-sarif.ts'
import { countersign, useFolder } from './cli.ts'

const folder = useFolder()

/** What SARIF 2.1.0 (OASIS) asks of the parts that are used, and no others. */
const sarif = z.strictObject({
  $schema: z.literal('https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json'),
  version: z.literal('2.1.0'),
  runs: z
    .array(
      z.strictObject({
        tool: z.strictObject({
          driver: z.strictObject({
            name: z.literal('countersign'),
            version: z.string().regex(/^\d+\.\d+\.\d+$/),
            rules: z
              .array(
                z.strictObject({
                  id: z.string().min(1),
                  shortDescription: z.strictObject({ text: z.string().min(1) }),
                }),
              )
              .min(1),
          }),
        }),
        columnKind: z.enum(['utf16CodeUnits', 'unicodeCodePoints']),
        results: z.array(
          z.strictObject({
            ruleId: z.string(),
            ruleIndex: z.int().nonnegative(),
            level: z.enum(['none', 'note', 'warning', 'error']),
            message: z.strictObject({ text: z.string().min(1) }),
            locations: z
              .array(
                z.strictObject({
                  physicalLocation: z.strictObject({
                    artifactLocation: z.strictObject({ uri: z.string().regex(/^[^\s\\]+$/) }),
                    region: z
                      .strictObject({ startLine: z.int().positive(), startColumn: z.int().positive() })
                      .optional(),
                  }),
                }),
              )
              .length(1),
          }),
        ),
      }),
    )
    .length(1),
})

/** The one run of a log, which has the shape, and whose results name its rules. */
function runIn(log: unknown) {
  const [run] = sarif.parse(log).runs
  if (run === undefined) throw new Error('there is no run')
  const { rules } = run.tool.driver
  for (const { ruleId, ruleIndex } of run.results) expect(rules[ruleIndex]?.id).toBe(ruleId)
  return run
}

test('--sarif has a result for each problem, at its line and column, or at the file as a whole', async () => {
  await mkdir(join(folder(), 'the policies'))
  await writeFile(
    join(folder(), 'the policies', 'p.yaml'),
    'workflow: refund_request\ndeny_if:\n  refund_amout_usd_gte: 5\nrollbak: {}\n',
  )
  const missing = join(folder(), 'missing.yaml')
  const { code, stdout, stderr } = await countersign(['policy', 'check', '--sarif', 'the policies/p.yaml', missing], {
    cwd: folder(),
  })
  expect(runIn(JSON.parse(stdout)).results).toEqual([
    {
      ruleId: 'policy_invalid',
      ruleIndex: 0,
      level: 'error',
      message: { text: 'unknown fact `refund_amout_usd` in deny_if. did you mean `refund_amount_usd`?' },
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'the%20policies/p.yaml' },
            region: { startLine: 3, startColumn: 3 },
          },
        },
      ],
    },
    {
      ruleId: 'policy_invalid',
      ruleIndex: 0,
      level: 'error',
      message: { text: 'unknown key `rollbak`. did you mean `rollback`?' },
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'the%20policies/p.yaml' },
            region: { startLine: 4, startColumn: 1 },
          },
        },
      ],
    },
    {
      ruleId: 'policy_not_found',
      ruleIndex: 1,
      level: 'error',
      message: { text: 'does not exist. check its name.' },
      locations: [{ physicalLocation: { artifactLocation: { uri: pathToFileURL(missing).href } } }],
    },
  ])
  expect(stderr).toContain('the policies/p.yaml:3:3 unknown fact')
  expect(code).toBe(3)
})

test('sound policies are a run without results: exit code 0', async () => {
  const { code, stdout, stderr } = await countersign(['policy', 'check', '--sarif'], { cwd: folder() })
  expect(runIn(JSON.parse(stdout)).results).toEqual([])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})

test('a warning has its level', () => {
  const at = { file: 'p.yaml', line: 1, column: 1, message: 'a.', help: 'b.' } as const
  const problems = [
    { ...at, code: 'policy_invalid' },
    { ...at, code: 'policy_invalid', level: 'warning' },
  ] as const
  expect(runIn(sarifOf(problems)).results.map(({ level }) => level)).toEqual(['error', 'warning'])
})

test('--sarif and --json together are a usage error', async () => {
  const { code, stderr } = await countersign(['policy', 'check', '--sarif', '--json'], { cwd: folder() })
  expect(stderr).toContain("option '--sarif' cannot be used with option '--json'")
  expect(code).toBe(2)
})
