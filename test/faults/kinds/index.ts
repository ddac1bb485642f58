import type { Fault } from '../fault.ts'
import { databaseFaults } from './database.ts'
import { failpointFaults } from './failpoints.ts'
import { historyFaults } from './history.ts'
import { messageFaults } from './messages.ts'
import { networkFaults } from './network.ts'
import { processFaults } from './processes.ts'
import { providerFaults } from './provider.ts'

/** Everything that the suite can do to a run. */
export const FAULTS: readonly Fault[] = [
  ...failpointFaults,
  ...processFaults,
  ...databaseFaults,
  ...networkFaults,
  ...providerFaults,
  ...messageFaults,
  ...historyFaults,
]
