// rejected by countersign/rooms
import { host } from '../worker/good.ts'

export const used = host
