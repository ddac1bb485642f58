import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Autonomy } from '../../src/policy/types.ts'
import { useChangedPolicies } from '../support/own-policies.ts'
import type { World, WorldOptions } from '../support/world.ts'

/**
 * A world for a test file with the shipped policies under a level. Between levels only that line differs; else they have a
 * limit of $500.00 instead of $50.00, and ask for a retention.
 */
export const useLevel = (autonomy: Autonomy, options: WorldOptions = {}): (() => World) =>
  useChangedPolicies(async (folder) => {
    for (const slug of ['refund-request', 'support-request']) {
      const file = join(folder, `${slug}.yaml`)
      const text = (await readFile(file, 'utf8')).replace('refund_amount_usd_gte: 50\n', 'refund_amount_usd_gte: 500\n')
      const kept = text.replace(/^( +)log_level:/m, '$1retention_days: 365\n$1log_level:')
      await writeFile(file, `autonomy: ${autonomy}\n${kept}`)
    }
  }, options)
