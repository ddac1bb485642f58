import { swap } from './swap.ts'

swap('src/worker/guard.ts', 'test/faults/sabotage/without-guard.ts')
