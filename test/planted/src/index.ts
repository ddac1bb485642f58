// accepted
export { cents } from './contract/good.ts'
export type { Policy } from './policy/types.ts'
