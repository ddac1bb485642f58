// rejected by countersign/rooms
import { createHash } from 'node:crypto'

export const used = createHash
