// rejected by countersign/rooms
import { load } from '../../src/policy/load/good.ts'

export const used = load
