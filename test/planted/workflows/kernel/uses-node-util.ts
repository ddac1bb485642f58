// rejected by countersign/rooms
import { inspect } from 'node:util'

export const used = inspect
