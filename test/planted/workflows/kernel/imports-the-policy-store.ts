// rejected by countersign/rooms
import { store } from '../../src/policy/store/good.ts'

export const used = store
