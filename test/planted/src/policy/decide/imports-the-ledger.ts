// rejected by countersign/rooms
import { row } from '../../ledger/good.ts'

export const used = row
