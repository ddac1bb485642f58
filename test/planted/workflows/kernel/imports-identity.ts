// rejected by countersign/rooms
import { sign } from '../../src/identity/good.ts'

export const used = sign
