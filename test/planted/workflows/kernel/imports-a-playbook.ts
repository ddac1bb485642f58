// rejected by countersign/rooms
import { playbook } from '../good.ts'

export const used = playbook
