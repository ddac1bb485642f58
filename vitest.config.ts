import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const isFaults = ({ moduleId }: TestSpecification): boolean => moduleId.includes('/test/faults/')

/** The faults take minutes, most of which they wait: begun among the last, being small, they would be waited for alone. */
class FaultsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- it is no array
    const sorted = await super.sort(files)
    return [...sorted.filter(isFaults), ...sorted.filter((file) => !isFaults(file))]
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/planted/**'],
    globalSetup: ['test/setup/global.ts'],
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: FaultsFirst },
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // A focused test leaves the others out, so it fails the run here as it does in CI.
    allowOnly: false,
  },
})
