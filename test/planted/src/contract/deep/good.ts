// accepted
export { small as deep } from '../small.ts'
