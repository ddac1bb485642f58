// rejected by countersign/rooms
export * from '../activities/billing/index.ts'
