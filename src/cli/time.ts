export { clock, moment, newDay } from '../contract/moment.ts'
