// rejected by countersign/rooms
import { row } from '../src/ledger/good.ts'

export const used = row
