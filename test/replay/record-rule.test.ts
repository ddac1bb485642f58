import { expect, test } from 'vitest'
import { whyNotRecord } from './record-rule.ts'

const HEAD = '# Changelog\n\n**[replay]** marks what breaks open runs.\n\n'
const changelog = (unreleased: string, released: readonly string[] = []) =>
  `${HEAD}## [Unreleased]\n\n${unreleased}\n${released.map((version) => `## [${version}] - 2027-01-01\n\n- **[replay]** then.\n`).join('\n')}`

const MARKED = '### Changed\n\n- **[replay]** Reads come before the plan.\n'
const PLAIN = '### Added\n\n- A command. It is not **[replay]**ed.\n'

test.each([
  ['the first histories of a version', '0.2.0', false, changelog(PLAIN)],
  ['the first histories of a version after 1.0', '1.1.0', false, changelog(PLAIN, ['1.0.0'])],
  ['before 1.0, what the changelog says breaks open runs', '0.1.0', true, changelog(MARKED)],
  ['before 1.0, the same for a version that is released', '0.1.0', true, changelog(MARKED, ['0.1.0'])],
  ['after 1.0, a version that is not released yet', '1.1.0', true, changelog(PLAIN, ['1.0.0'])],
])('%s may be recorded', (_what, version, exists, text) => {
  expect(whyNotRecord({ version, exists, changelog: text })).toBeUndefined()
})

test.each([
  ['before 1.0, without a [replay] line', '0.1.0', changelog(PLAIN), 'in a line under [Unreleased]'],
  ['before 1.0, with one of an earlier release', '0.2.0', changelog(PLAIN, ['0.1.0']), 'in a line under [Unreleased]'],
  ['before 1.0, without a changelog', '0.1.0', '', 'in a line under [Unreleased]'],
  ['after 1.0, of a released version', '1.0.0', changelog(PLAIN, ['1.0.0']), 'is released: its histories are never'],
  ['after 1.0, whatever the changelog says', '1.0.0', changelog(MARKED, ['1.0.0']), 'are never recorded again'],
])('%s nothing is recorded again', (_what, version, text, why) => {
  expect(whyNotRecord({ version, exists: true, changelog: text })).toContain(why)
})
