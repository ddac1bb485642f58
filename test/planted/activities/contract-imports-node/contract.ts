// rejected by countersign/rooms
import { join } from 'node:path'

export const used = join
