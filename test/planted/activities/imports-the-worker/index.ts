// rejected by countersign/rooms
import { host } from '../../src/worker/good.ts'

export const used = host
