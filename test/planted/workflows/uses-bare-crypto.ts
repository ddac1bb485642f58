// rejected by countersign/rooms
import { randomUUID } from 'crypto'

export const used = randomUUID
