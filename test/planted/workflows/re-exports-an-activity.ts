// rejected by countersign/rooms
export { pay } from '../activities/billing/index.ts'
