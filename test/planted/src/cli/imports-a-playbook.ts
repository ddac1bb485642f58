// rejected by countersign/rooms
import { playbook } from '../../workflows/good.ts'

export const used = playbook
