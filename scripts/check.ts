/**
 * The one check, here and in CI: every stage in order, one line each, even when an earlier one failed. The last line is
 * `N passed, N failed`: the tests that vitest ran and one for each other stage. A test that was skipped has failed.
 *
 *   --only <stage>   that stage alone; may be repeated
 *   --fix            formats, and applies the lint's safe fixes, before the stages run
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'

const ROOT = resolve(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'countersign-check-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }))

/** The tools of this project and its own Node come first, however this script was started. */
const env = {
  ...process.env,
  PATH: [join(ROOT, 'node_modules/.bin'), process.env['PATH']].join(delimiter),
  // Temporal's native client and npm may leave colour codes in what is captured.
  NO_COLOR: '1',
  // Each test file and each command that it runs is a process of its own, which loads much the same.
  NODE_COMPILE_CACHE: join(scratch, 'compiled'),
}

interface Outcome {
  readonly passed: number
  readonly failed: number
  readonly output: string
}

interface Ran {
  readonly code: number
  readonly output: string
}

/** Runs a command at the root, capturing what it prints or, `live`, passing it through. Never throws. */
function run(command: string, args: readonly string[], { live = false } = {}): Promise<Ran> {
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: live ? { ...env, NO_COLOR: process.env['NO_COLOR'] } : env,
      stdio: live ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.on('error', (error) => done({ code: 1, output: `${output}${command}: ${error.message}\n` }))
    child.on('close', (code, signal) => {
      if (signal !== null) output += `${command} was ended by ${signal}\n`
      done({ code: code ?? 1, output })
    })
  })
}

/** One stage of one or more commands; it stops at the first that fails. */
async function commands(...lines: readonly (readonly [string, ...string[]])[]): Promise<Outcome> {
  let output = ''
  for (const [command, ...args] of lines) {
    const ran = await run(command, args)
    output += ran.output
    if (ran.code !== 0) return { passed: 0, failed: 1, output }
  }
  return { passed: 1, failed: 0, output }
}

const reportSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(
        z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()).nullish() }),
      ),
    }),
  ),
})

/** What a failed test says of itself, short enough that the end of a log holds all of them. */
const whyOf = (messages: readonly string[]): readonly string[] =>
  messages.flatMap((message) => message.split('\n').slice(0, 3)).map((line) => line.slice(0, 300))

async function tests(): Promise<Outcome> {
  const file = join(scratch, 'vitest.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const { code } = await run('vitest', ['run', ...reporters], { live: true })

  let report: z.output<typeof reportSchema>
  try {
    report = reportSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return { passed: 0, failed: 1, output: `vitest ended with ${code} and left no report\n` }
  }
  let passed = 0
  const faults: string[] = []
  for (const { name, status, assertionResults } of report.testResults) {
    const before = faults.length
    for (const test of assertionResults) {
      if (test.status === 'passed') passed += 1
      else faults.push([`${test.status}: ${test.fullName}`, ...whyOf(test.failureMessages ?? [])].join('\n    '))
    }
    // An import or a hook that threw: the file failed, and perhaps no test of it.
    if (status === 'failed' && faults.length === before) faults.push(`failed: ${name}`)
  }
  if (passed + faults.length === 0) faults.push('no test ran')
  // An unhandled rejection fails the run and no test.
  if (code !== 0 && faults.length === 0) faults.push(`vitest ended with ${code}`)
  return { passed, failed: faults.length, output: faults.map((fault) => `${fault}\n`).join('') }
}

async function packed(): Promise<Outcome> {
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true })
  const made = await commands(
    ['tsc', '-p', 'tsconfig.build.json'],
    ['npm', 'pack', '--ignore-scripts', '--silent', '--pack-destination', scratch],
  )
  if (made.failed > 0) return made
  const tarball = readdirSync(scratch).find((name) => name.endsWith('.tgz'))
  if (tarball === undefined) return { passed: 0, failed: 1, output: `${made.output}npm pack left no tarball\n` }
  const path = join(scratch, tarball)
  return commands(
    ['publint', 'run', path, '--strict'],
    // Without the last option it would ask the registry for `@types/countersign`.
    ['attw', path, '--profile', 'esm-only', '--no-definitely-typed'],
  )
}

const STAGES: ReadonlyMap<string, () => Promise<Outcome>> = new Map([
  ['format', () => commands(['oxfmt', '--check', '.'])],
  ['lint', () => commands(['oxlint', '--deny-warnings', '.'])],
  ['types', () => commands(['tsc', '--noEmit'])],
  ['bundle', () => commands(['node', 'scripts/bundle.ts'])],
  ['tests', tests],
  ['unused', () => commands(['knip', '--no-progress'])],
  ['package', packed],
])

const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true }, fix: { type: 'boolean', default: false } },
})
const unknown = values.only?.find((name) => !STAGES.has(name))
if (unknown !== undefined) {
  console.error(`there is no stage \`${unknown}\`; the stages are ${[...STAGES.keys()].join(', ')}`)
  process.exit(2)
}

if (values.fix) {
  await run('oxlint', ['--fix', '.']) // what it cannot fix, the stage below reports
  await run('oxfmt', ['.'])
}

let passed = 0
let failed = 0
for (const [name, stage] of STAGES) {
  if (values.only !== undefined && !values.only.includes(name)) continue
  const startedAt = performance.now()
  const outcome = await stage()
  passed += outcome.passed
  failed += outcome.failed
  if (outcome.failed === 0) console.log(`ok  ${name}  ${((performance.now() - startedAt) / 1000).toFixed(1)}s`)
  else console.log(`FAIL ${name}\n${outcome.output.trimEnd()}`)
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
