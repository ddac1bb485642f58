// rejected by countersign/rooms
import { randomUUID } from 'node:crypto'

export const used = randomUUID
