import { createRequire } from 'node:module'
import { isAbsolute, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { PolicyProblem } from '../policy/load/index.ts'

/** What each code of a problem says in general. */
const RULES: Readonly<Record<Exclude<PolicyProblem['code'], 'identity_invalid' | 'export_unconfigured'>, string>> = {
  policy_invalid: 'A policy has to be of the form of docs/writing-a-policy.md, and to name what its playbook has.',
  policy_not_found: 'Every playbook has a policy.',
  policy_doubtful: 'A policy should say what its owner means: no rule that never matches or never counts, no gap.',
  cases_invalid: 'A decision table has to name the tools, facts and rules that there are.',
}

/** From a folder's path to what SARIF has of a file: relative where the path is. */
const uriOf = (file: string): string =>
  isAbsolute(file) ? pathToFileURL(file).href : file.split(sep).map(encodeURIComponent).join('/')

/** Where it is; without a region when it is the file as a whole. */
const locationOf = ({ file, line, column }: PolicyProblem) => ({
  physicalLocation: {
    artifactLocation: { uri: uriOf(file) },
    ...(line === 0 ? {} : { region: { startLine: line, startColumn: column } }),
  },
})

/** Problems as a log of SARIF 2.1.0 (OASIS), with one run; none: a run without results, so that what was mended is closed. */
export function sarifOf(problems: readonly PolicyProblem[]) {
  const { version } = createRequire(import.meta.url)('countersign/package.json') as { version: string }
  const codes = Object.keys(RULES)
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'countersign',
            version,
            rules: Object.entries(RULES).map(([id, text]) => ({ id, shortDescription: { text } })),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: problems.map((problem) => ({
          ruleId: problem.code,
          ruleIndex: codes.indexOf(problem.code),
          level: problem.level ?? 'error',
          message: { text: `${problem.message} ${problem.help}` },
          locations: [locationOf(problem)],
        })),
      },
    ],
  }
}
