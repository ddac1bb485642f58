// rejected by countersign/rooms
import type { row } from '../ledger/good.ts'

export type Used = typeof row
