// rejected by countersign/rooms
import { pay } from './index.ts'

export const used = pay
