import { swap } from './swap.ts'

swap('src/ledger/effects.ts', 'test/faults/sabotage/without-ledger.ts')
