// accepted
export { cents } from '../contract/good.ts'
