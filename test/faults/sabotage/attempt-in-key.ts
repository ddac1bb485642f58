import { rewrite } from './swap.ts'

rewrite(
  'src/worker/writes.ts',
  'digestOf({ effect: { runKey, step } })',
  'digestOf({ effect: { runKey, step, attempt: Context.current().info.attempt } })',
)
