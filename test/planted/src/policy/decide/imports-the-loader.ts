// rejected by countersign/rooms
import { load } from '../load/good.ts'

export const used = load
