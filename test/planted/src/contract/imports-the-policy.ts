// rejected by countersign/rooms
import { limit } from '../policy/types.ts'

export const used = limit
