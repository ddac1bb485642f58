/** Takes guard, ledger and stops out of the worker that imports this first. For the benchmark alone. */
import { swap } from '../../test/faults/sabotage/swap.ts'

swap('src/worker/guard.ts', 'test/faults/sabotage/without-guard.ts')
swap('src/ledger/effects.ts', 'bench/without/ledger.ts')
swap('src/worker/stops.ts', 'bench/without/stops.ts')
