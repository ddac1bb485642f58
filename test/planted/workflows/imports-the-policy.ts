// rejected by countersign/rooms
import { decide } from '../src/policy/decide/good.ts'

export const used = decide
