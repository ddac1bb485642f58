// rejected by countersign/rooms
import { start } from '../client/good.ts'

export const used = start
