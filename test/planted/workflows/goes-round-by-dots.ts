// rejected by countersign/rooms
export { row } from './kernel/../../src/ledger/good.ts'
