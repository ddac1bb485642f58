export { byHandRefund } from './by-hand.ts'
export { plainRefund } from './plain.ts'
